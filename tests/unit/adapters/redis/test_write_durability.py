"""How long a write waits for replicas, and what it makes of their number."""

import pytest
from redis.exceptions import ResponseError

from qontract.adapters.redis.write_durability import IMPATIENT_SECONDS, NotDurableError, WriteDurability
from tests.support.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock(100.0)


@pytest.fixture
def replicas(clock: Clock) -> WriteDurability:
    return WriteDurability(2, 0.5, clock=clock)


@pytest.mark.parametrize("answer", [2, 3])
def test_as_many_replicas_or_more_are_enough(replicas: WriteDurability, answer: int) -> None:
    replicas.judge(answer)
    assert replicas.commands() == [("WAIT", 2, 500)]


@pytest.mark.parametrize("answer", [1, 0])
def test_fewer_are_an_error(replicas: WriteDurability, answer: int) -> None:
    with pytest.raises(NotDurableError, match=f"written, but on {answer} of 2 replicas in time"):
        replicas.judge(answer)


@pytest.mark.parametrize("answer", [b"OK", None, ValueError("odd"), [1, 2]])
def test_an_answer_that_is_no_number_is_an_error_that_shows_it(replicas: WriteDurability, answer: object) -> None:
    with pytest.raises(NotDurableError, match="the answer of WAIT or WAITAOF is"):
        replicas.judge(answer)


@pytest.mark.parametrize(("count", "answer"), [(0, [1, 0]), (0, [1, 3]), (2, [1, 2])])
def test_with_fsync_the_primary_and_as_many_replicas_have_to_have_it_on_their_disks(
    count: int, answer: list[int]
) -> None:
    on_disk = WriteDurability(count, 3, fsync=True)
    on_disk.judge(answer)
    assert on_disk.commands()[-1][:3] == ("WAITAOF", 1, count)


def test_a_replica_is_asked_for_its_disk_when_it_has_the_write_and_all_of_it_takes_no_longer_than_it_may() -> None:
    assert WriteDurability(2, 3, fsync=True).commands() == [("WAIT", 2, 100), ("WAITAOF", 1, 2, 2900)]
    assert WriteDurability(2, 0.05, fsync=True).commands() == [("WAIT", 2, 25), ("WAITAOF", 1, 2, 25)]
    assert WriteDurability(0, 3, fsync=True).commands() == [("WAITAOF", 1, 0, 3000)]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ([0, 2], "not on the disk of the primary in time"),
        ([1, 1], "on the disks of 1 of 2 replicas in time"),
        ([], "the answer of WAIT or WAITAOF is"),
        ([1], "the answer of WAIT or WAITAOF is"),
        ([1, b"2"], "the answer of WAIT or WAITAOF is"),
        (2, "the answer of WAIT or WAITAOF is 2"),
        (ResponseError("unknown command 'WAITAOF', with args"), "for QAPI_EVENTS__FSYNC it has to be 7.2 or later"),
        (
            ResponseError("WAITAOF cannot be used when numlocal is set but appendonly is disabled."),
            "QAPI_EVENTS__FSYNC needs `appendonly yes`",
        ),
    ],
    ids=str,
)
def test_with_fsync_what_is_not_on_enough_disks_is_an_error_that_says_where_it_is_not(
    answer: object, reason: str
) -> None:
    on_disk = WriteDurability(2, 0.5, fsync=True)
    with pytest.raises(NotDurableError, match=f"written, but .*{reason}"):
        on_disk.judge(answer)
    assert on_disk.commands() == [("WAITAOF", 1, 2, 1)]


def test_while_replicas_are_missing_one_write_in_a_quarter_of_a_minute_waits_for_them(
    replicas: WriteDurability, clock: Clock
) -> None:
    waited = []
    for _ in range(60):
        waited.append(replicas.commands()[0][2])
        with pytest.raises(NotDurableError):
            replicas.judge(0)
        clock.now += IMPATIENT_SECONDS / 20
    assert [number for number, milliseconds in enumerate(waited) if milliseconds == 500] == [0, 20, 40]
    assert set(waited) == {500, 1}


def test_once_they_are_back_it_waits_for_them_again(replicas: WriteDurability) -> None:
    with pytest.raises(NotDurableError):
        replicas.judge(1)
    assert replicas.commands() == [("WAIT", 2, 1)]
    replicas.judge(2)
    assert replicas.commands() == [("WAIT", 2, 500)]
