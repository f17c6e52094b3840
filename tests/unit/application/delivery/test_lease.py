"""The lease, by this process's own clock."""

import asyncio

import pytest
from pytest_mock import MockerFixture

from qontract.adapters.memory import InMemoryEventLog, InMemoryEventStore
from qontract.application.delivery.lease import Lease
from qontract.application.ports.event_log import EventLogError
from tests.support.delivering import on_virtual_clock


def two_leases() -> tuple[tuple[Lease, InMemoryEventLog], tuple[Lease, InMemoryEventLog]]:
    events, clock = InMemoryEventStore(), asyncio.get_running_loop().time
    one, two = (InMemoryEventLog(events, replica=name) for name in ("one", "two"))
    return (Lease(10, clock), one), (Lease(10, clock), two)


@on_virtual_clock
async def test_it_is_not_valid_before_it_was_taken_and_until_its_time_is_over_afterwards() -> None:
    (lease, log), _ = two_leases()
    assert not lease.valid
    assert await lease.renew(log)
    await asyncio.sleep(9.9)
    assert lease.left == pytest.approx(0.1)
    valid = [lease.valid]
    await asyncio.sleep(0.1)
    assert [*valid, lease.valid] == [True, False]


@on_virtual_clock
async def test_renewing_it_makes_it_last() -> None:
    (lease, log), _ = two_leases()
    for _ in range(5):
        assert await lease.renew(log)
        await asyncio.sleep(9)
    assert lease.valid


@on_virtual_clock
async def test_its_time_begins_when_it_is_asked_for_and_not_when_the_answer_comes(mocker: MockerFixture) -> None:
    (lease, log), _ = two_leases()

    async def late(_: float) -> bool:
        await asyncio.sleep(8)
        return True

    mocker.patch.object(log, "lead", side_effect=late)
    assert await lease.renew(log)
    assert lease.left == pytest.approx(2)


@on_virtual_clock
async def test_an_answer_that_comes_after_its_time_gives_no_lease(mocker: MockerFixture) -> None:
    (lease, log), _ = two_leases()

    async def too_late(_: float) -> bool:
        await asyncio.sleep(11)
        return True

    mocker.patch.object(log, "lead", side_effect=too_late)
    assert not await lease.renew(log)


@on_virtual_clock
async def test_of_two_replicas_one_has_it_and_the_other_when_the_first_gives_it_back() -> None:
    (one, log_one), (two, log_two) = two_leases()
    assert await one.renew(log_one)
    assert not await two.renew(log_two)
    await one.end(log_one)
    assert not one.valid
    assert await two.renew(log_two)
    assert not await one.renew(log_one)


@on_virtual_clock
async def test_a_replica_that_could_not_renew_it_loses_it_to_another_no_sooner_than_it_knows() -> None:
    (one, log_one), (two, log_two) = two_leases()
    assert await one.renew(log_one)
    while not await two.renew(log_two):
        assert one.valid
        await asyncio.sleep(0.5)
    assert not one.valid


@on_virtual_clock
async def test_a_log_that_does_not_answer_leaves_it_as_it_was(mocker: MockerFixture) -> None:
    (lease, log), _ = two_leases()
    await lease.renew(log)
    await asyncio.sleep(4)
    mocker.patch.object(log, "lead", side_effect=EventLogError("away"))
    with pytest.raises(EventLogError):
        await lease.renew(log)
    assert lease.left == pytest.approx(6)
