"""How a process of `qontract dev` has ended."""

import pytest

from qontract.entrypoints.dev.processes import how_ended


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (1, "ended with exit code 1; its last lines say why"),
        (0, "ended with exit code 0; its last lines say why"),
        (-9, "was killed by signal 9 (SIGKILL)"),
        (-63, "was killed by signal 63"),
    ],
)
def test_a_signal_is_told_from_an_exit_code(code: int, said: str) -> None:
    assert how_ended(code) == said
