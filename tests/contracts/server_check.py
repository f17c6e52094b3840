"""What every ServerCheck promises: each line of the port's docstring."""

from abc import abstractmethod

import pytest

from qontract.application.ports.server_check import ServerCheck, ServerState


class ServerCheckContract:
    """Subclass it, and give the adapter for two servers."""

    @pytest.fixture
    @abstractmethod
    def of_a_good_server(self) -> ServerCheck:
        """One whose server does all that the process needs."""

    @pytest.fixture
    @abstractmethod
    def of_no_server(self) -> ServerCheck:
        """One whose server does not answer."""

    def test_of_a_server_that_does_all_nothing_is_wrong(self, of_a_good_server: ServerCheck) -> None:
        assert of_a_good_server.state() == ServerState()

    def test_what_is_wrong_is_said_in_a_line_and_nothing_is_raised(self, of_no_server: ServerCheck) -> None:
        state = of_no_server.state()
        assert state.failing
        assert "\n" not in state.failing
        assert not state.refused, "it may come back"
