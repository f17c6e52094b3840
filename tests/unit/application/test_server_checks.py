"""What a process needs of several servers."""

import pytest

from qontract.application.ports.server_check import ServerCheck, ServerState
from qontract.application.server_checks import ServerChecks
from tests.contracts.server_check import ServerCheckContract


class _Server(ServerCheck):
    def __init__(self, state: ServerState) -> None:
        self._state = state

    def state(self) -> ServerState:
        return self._state


WELL, OLD, FULL = ServerState(), ServerState(refused="too old"), ServerState(failing="is full")


class TestServerChecks(ServerCheckContract):
    @pytest.fixture
    def of_a_good_server(self) -> ServerCheck:
        return ServerChecks({"QAPI_A": _Server(WELL), "QAPI_B": _Server(WELL)})

    @pytest.fixture
    def of_no_server(self) -> ServerCheck:
        return ServerChecks({"QAPI_A": _Server(WELL), "QAPI_B": _Server(FULL)})


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (WELL, WELL, WELL),
        (FULL, WELL, ServerState(failing="QAPI_A: is full")),
        (FULL, FULL, ServerState(failing="QAPI_A: is full; QAPI_B: is full")),
        (FULL, OLD, ServerState(refused="too old", setting="QAPI_B")),
    ],
    ids=["both well", "one full", "both full", "one too old"],
)
def test_what_is_wrong_is_said_with_the_setting_that_names_the_server(
    first: ServerState, second: ServerState, expected: ServerState
) -> None:
    assert ServerChecks({"QAPI_A": _Server(first), "QAPI_B": _Server(second)}).state() == expected
