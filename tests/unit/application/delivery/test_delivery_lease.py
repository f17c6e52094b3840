"""An ordered subscription works only while its replica leads, in memory."""

from collections.abc import Collection

from pytest_mock import MockerFixture

from qontract.adapters.memory import InMemoryEventStore
from qontract.application.ports.event_log import Entry
from tests.support.delivering import Handler, an_event, on_virtual_clock, publish, replica, until


@on_virtual_clock
async def test_a_handler_does_not_begin_if_the_lease_ran_out_while_its_attempt_was_recorded(
    mocker: MockerFixture,
) -> None:
    events, began_as_leader = InMemoryEventStore(), []
    publish(events, an_event(1))

    async def noting(_: int, attempt: int) -> None:
        began_as_leader.append(lease is not None and lease.valid)
        if attempt == 1:
            raise RuntimeError("not this time")

    handler = Handler(trouble=noting)
    async with replica(events, handler) as one:
        log, lease, record = one.log, one.loop.lease, one.log.record
        assert lease

        async def record_and_freeze(entries: Collection[Entry]) -> None:
            await record(entries)
            if any(entry.begun for entry in entries):
                mocker.stop(freezing)
                lease._until = 0.0  # this process stood still until another replica could lead

        freezing = mocker.patch.object(log, "record", record_and_freeze)
        await until(lambda: handler.handled == [1])
    assert began_as_leader == [True, True]
