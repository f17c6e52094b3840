"""How long a write waits for replicas, and what it makes of their number."""

import pytest

from qontract.adapters.redis.replicas import IMPATIENT_SECONDS, NotReplicatedError, Replicas
from tests.support.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock(100.0)


@pytest.fixture
def replicas(clock: Clock) -> Replicas:
    return Replicas(2, 0.5, clock=clock)


@pytest.mark.parametrize("answer", [2, 3])
def test_as_many_replicas_or_more_are_enough(replicas: Replicas, answer: int) -> None:
    replicas.judge(answer)
    assert replicas.command() == ("WAIT", 2, 500)


@pytest.mark.parametrize("answer", [1, 0, b"OK", None, ValueError("odd")])
def test_fewer_or_no_number_are_an_error(replicas: Replicas, answer: object) -> None:
    with pytest.raises(NotReplicatedError, match="of 2 replicas"):
        replicas.judge(answer)


def test_while_replicas_are_missing_one_write_in_a_quarter_of_a_minute_waits_for_them(
    replicas: Replicas, clock: Clock
) -> None:
    waited = []
    for _ in range(60):
        waited.append(replicas.command()[2])
        with pytest.raises(NotReplicatedError):
            replicas.judge(0)
        clock.now += IMPATIENT_SECONDS / 20
    assert [number for number, milliseconds in enumerate(waited) if milliseconds == 500] == [0, 20, 40]
    assert set(waited) == {500, 1}


def test_once_they_are_back_it_waits_for_them_again(replicas: Replicas) -> None:
    with pytest.raises(NotReplicatedError):
        replicas.judge(1)
    assert replicas.command() == ("WAIT", 2, 1)
    replicas.judge(2)
    assert replicas.command() == ("WAIT", 2, 500)
