"""The event log in memory, under a clock that jumps."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from threading import Timer
from time import monotonic
from typing import Any

import pytest

from qontract.adapters.memory import InMemoryDeadLetters, InMemoryEventLog, InMemoryEventStore
from qontract.application.ports.event_log import Entry, EventLogError, LeaseLostError
from qontract.testing.clock import VirtualClockLoop, run
from qontract.testing.contracts.event_log import EventLogContract
from qontract.testing.contracts.event_log_events import (
    CLAIM_SECONDS,
    MUCH,
    PATIENCE,
    contents,
    event,
    opened,
    read,
    some_events,
)


def type_of(content: bytes) -> str:
    return str(json.loads(content)["type"])


class Events:
    def __init__(self) -> None:
        self.events = InMemoryEventStore()
        self.dead_letters = InMemoryDeadLetters(events=self.events)

    def log(
        self, subscription: str, replica: str, *, shared: bool, wants: Callable[[str], bool] | None = None
    ) -> InMemoryEventLog:
        return InMemoryEventLog(
            self.events,
            subscription,
            replica,
            shared=shared,
            wants=wants,
            type_of=type_of,
            claim_seconds=CLAIM_SECONDS,
        )

    async def append(self, *contents: bytes) -> None:
        self.events.append(*contents)

    async def remove(self, content: bytes) -> None:
        [key] = [key for key, kept in self.events.kept.items() if kept.content == content]
        self.events.remove(key)

    async def fork(self) -> Callable[[], Awaitable[None]]:
        back = self.events.fork()

        async def go_back() -> None:
            back()

        return go_back

    async def lose(self, subscription: str) -> None:
        self.events.lose(subscription)


class TestInMemoryEventLog(EventLogContract):
    @pytest.fixture
    def anyio_backend(self) -> tuple[str, dict[str, Any]]:
        return "asyncio", {"loop_factory": VirtualClockLoop}

    @pytest.fixture
    def events(self) -> Events:
        return Events()


HOUR = 3600.0


def test_a_read_waits_for_hours_in_no_time_and_ends_when_its_time_is_over() -> None:
    async def wait() -> tuple[int, float]:
        log = await opened(Events())
        return len(await log.read(1, MUCH, HOUR)), asyncio.get_running_loop().time()

    begun = monotonic()
    assert run(wait()) == (0, HOUR)
    assert monotonic() - begun < 30, "it is an hour of the clock of the loop"


def test_a_shared_read_that_waits_claims_when_the_time_of_the_dead_one_is_over() -> None:
    async def claim() -> float:
        events = Events()
        await events.append(event(1))
        await read(await opened(events, shared=True), 1)
        await (await opened(events, "two", shared=True)).read(1, MUCH, HOUR)
        return asyncio.get_running_loop().time()

    assert run(claim()) == pytest.approx(CLAIM_SECONDS, abs=1e-3)


def test_a_view_that_has_found_nothing_claims_what_another_one_reads_later_and_dies_with() -> None:
    async def claim() -> tuple[int, float]:
        events = Events()
        one, two = await opened(events, shared=True), await opened(events, "two", shared=True)
        assert not await two.read(1, MUCH, 0)
        await events.append(event(1))
        await read(one, 1)
        return len(await two.read(1, MUCH, HOUR)), asyncio.get_running_loop().time()

    number, seconds = run(claim())
    assert number == 1
    assert seconds == pytest.approx(CLAIM_SECONDS, abs=1e-3)


def test_a_view_that_has_found_nothing_reads_at_once_what_another_one_releases() -> None:
    async def claim() -> tuple[int, float]:
        events = Events()
        await events.append(event(1))
        one, two = await opened(events, shared=True), await opened(events, "two", shared=True)
        entries = await read(one, 1)
        assert not await two.read(1, MUCH, 0)
        await one.release(entries)
        return len(await two.read(1, MUCH, HOUR)), asyncio.get_running_loop().time()

    assert run(claim()) == (1, 0)


def test_a_view_that_has_found_nothing_reads_what_it_claims() -> None:
    async def claim() -> int:
        events = Events()
        await events.append(event(1))
        log = await opened(events)
        await read(log, 1)
        assert not await log.read(1, MUCH, 0)
        await log.claim_all()
        return len(await log.read(1, MUCH, 0))

    assert run(claim()) == 1


def test_an_event_that_another_thread_appends_ends_the_wait() -> None:
    async def wait() -> list[bytes | None]:
        events = Events()
        log = await opened(events)
        thread = Timer(0.02, events.events.append, [event(1)])
        thread.start()
        begun = monotonic()
        found = await log.read(1, MUCH, PATIENCE)
        assert monotonic() - begun < PATIENCE / 2
        return contents(found)

    assert asyncio.run(wait()) == [event(1)]


def test_what_one_loop_leaves_pending_another_one_finds_and_time_goes_on() -> None:
    events = Events()

    async def leave() -> None:
        log = await opened(events)
        await asyncio.sleep(10 * HOUR)
        events.events.append(event(1))
        await read(log, 1)

    async def find() -> list[bytes | None]:
        log = events.log("audit-log", "two", shared=False)
        assert await log.lead(1)
        await log.claim_all()
        await asyncio.sleep(HOUR)
        assert (await log.measures()).oldest_seconds == HOUR
        return contents(await read(log, 1))

    run(leave())
    assert run(find()) == [event(1)]


def test_what_is_trimmed_is_expired_for_who_had_read_it_and_unknown_to_others() -> None:
    async def trim() -> None:
        events = Events()
        kept = some_events(4)
        await events.append(*kept)
        reading = await opened(events)
        await read(reading, 1)
        events.events.trim(1)
        await reading.open()
        assert [(entry.content, entry.expired) for entry in await read(reading, 2)] == [(None, True), (kept[3], False)]
        assert contents(await read(await opened(events, subscription="another"), 1)) == [kept[3]]

    run(trim())


def test_a_key_that_no_entry_has_is_refused_by_the_log_and_removes_nothing() -> None:
    async def ask() -> None:
        events = Events()
        await events.append(event(1))
        events.events.remove("1-1")
        log = await opened(events)
        with pytest.raises(EventLogError, match="no entry of this log: 1-1"):
            await log.acknowledge([Entry("1-1", b"")])
        await read(log, 1)

    run(ask())


def test_every_call_lets_other_tasks_run() -> None:
    async def others() -> bool:
        log = await opened(Events())
        ran = asyncio.create_task(asyncio.sleep(0))
        for _ in range(3):
            await log.read(1, MUCH, 0)
        return ran.done()

    assert run(others())


def test_what_is_not_wanted_is_never_read_also_if_it_is_redriven() -> None:
    async def want() -> None:
        events = Events()
        await events.append(event(1, "x.y"), event(2))
        events.events.add_letter("audit-log", event(3, "x.y"), (), "1")
        [letter] = events.dead_letters.iterate()
        log = await opened(events, wants=lambda type_: type_ == "a.b")
        events.dead_letters.redrive(letter.id)
        assert contents(await log.read(10, MUCH, 0)) == [event(2)]
        assert events.dead_letters.waiting == {}

    run(want())


def test_what_is_redriven_is_gone_when_it_is_acknowledged() -> None:
    async def end() -> None:
        events = Events()
        events.events.add_letter("audit-log", event(1), (), "1")
        [letter] = events.dead_letters.iterate()
        log = await opened(events)
        events.dead_letters.redrive(letter.id)
        held = await read(log, 1)
        assert events.dead_letters.waiting == {"audit-log": [event(1)]}
        await log.acknowledge(held)
        assert events.dead_letters.waiting == {}

    run(end())


def test_nothing_is_known_any_more_of_what_has_ended_and_of_ids_whose_time_is_over() -> None:
    async def end() -> None:
        events = Events()
        await events.append(event(1))
        log = await opened(events)
        held = await read(log, 1)
        await log.acknowledge(held)
        await log.record(held)
        assert events.events.of("audit-log").records == {}
        await log.remember(["a"], HOUR)
        await asyncio.sleep(2 * HOUR)
        await log.remember(["b"], HOUR)
        assert events.events.of("audit-log").remembered.keys() == {"b"}

    run(end())


def test_who_does_not_lead_any_more_is_told_so_when_it_gives_back() -> None:
    async def give() -> None:
        events = Events()
        await events.append(event(1))
        one = await opened(events)
        held = await read(one, 1)
        await one.abdicate()
        await opened(events, "two")
        with pytest.raises(LeaseLostError, match="another replica leads the subscription audit-log: two"):
            await one.release(held)

    run(give())
