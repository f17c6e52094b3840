"""What every Subscriptions promises: each line of the port's docstring."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from qontract.application.ports.event_log import Entry, EventLog
from qontract.application.ports.subscriptions import BusyError, Subscriptions, Target
from qontract.domain.subscriptions import SeekPreview

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LONG, MUCH = 30.0, 1_000_000


@dataclass
class Store:
    """The subscriptions, and the replicas' side.

    `keep` keeps bytes at a time; `log` makes the view of a replica; `redrive` gives bytes back to a subscription.
    `silence` lets so much time pass that a replica that has not closed its view shows no life any more.
    """

    subscriptions: Subscriptions
    keep: Callable[[bytes, datetime], str]
    log: Callable[[str, bool], EventLog]
    redrive: Callable[[str, bytes], None]
    silence: Callable[[str], None]

    def keep_some(self, count: int) -> list[str]:
        """Keep so many events, one a second from noon on."""
        return [self.keep(b"%d" % number, NOON + number * SECOND) for number in range(count)]

    async def led(self, name: str = "s", *, shared: bool = False) -> EventLog:
        """Return the view of a replica that may read."""
        log = self.log(name, shared)
        await log.open()
        if not shared:
            assert await log.lead(LONG)
            await log.claim_all()
        return log

    async def left(self, log: EventLog, name: str = "s") -> None:
        """Let the replica end, whether it holds something or not."""
        await log.abdicate()
        await log.close()
        self.silence(name)

    async def at(self, count: int, *, acknowledged: int = 0, name: str = "s") -> None:
        """Let the subscription have read so many events, of which the first are acknowledged; nobody runs it then."""
        log = await self.led(name)
        entries = await read(log, count)
        await log.acknowledge(entries[:acknowledged])
        await self.left(log, name)

    async def rest(self, name: str = "s") -> list[bytes | None]:
        """Return what the next replica is given."""
        log = await self.led(name)
        return [entry.content for entry in await read(log, 100)]


async def read(log: EventLog, count: int) -> list[Entry]:
    found: list[Entry] = []
    while len(found) < count and (some := await log.read(count - len(found), MUCH, 0)):
        found += some
    return found


def numbers(*numbers: int) -> list[bytes]:
    return [b"%d" % number for number in numbers]


@pytest.mark.anyio
class SubscriptionsContract:
    """Subclass it, and give the adapter."""

    @pytest.fixture
    @abstractmethod
    def store(self) -> Store:
        """A log of which nothing is kept yet, and that nobody has read."""

    async def test_all_have_their_names_in_order_and_get_has_one(self, store: Store) -> None:
        assert list(store.subscriptions.all()) == []
        for name in ("b", "a"):
            await store.at(0, name=name)
        assert [view.name for view in store.subscriptions.all()] == ["a", "b"]
        one = store.subscriptions.get("a")
        assert one
        assert (one.name, one.made, one.paused, one.leader) == ("a", True, None, "")

    @pytest.mark.parametrize("name", ["", "x", "*", "a:b", "\ud800", "é", "a\n"])
    async def test_any_text_may_be_a_name_and_is_of_no_subscription(self, store: Store, name: str) -> None:
        await store.at(0)
        assert store.subscriptions.get(name) is None
        assert store.subscriptions.preview(name, "start") is None
        assert not store.subscriptions.seek(name, "start")
        assert not store.subscriptions.remove(name)
        assert [view.name for view in store.subscriptions.all()] == ["s"]

    async def test_a_view_says_how_far_it_is_what_failed_and_who_leads(self, store: Store) -> None:
        store.keep_some(5)
        log = await store.led()
        first, second, _ = await read(log, 3)
        await log.acknowledge([first])
        await log.record([second])
        store.redrive("s", b"again")
        view = store.subscriptions.get("s")
        assert view
        assert (view.lag, view.pending, view.failing, view.redriven) == (3, 2, 1, 1)
        assert (view.leader, [replica.name for replica in view.replicas]) == ("one", ["one"])
        assert (view.in_flight, view.is_run) == (2, True)

    async def test_who_has_left_runs_it_no_more(self, store: Store) -> None:
        await store.at(0)
        view = store.subscriptions.get("s")
        assert view
        assert not view.is_run

    async def test_a_pause_has_who_and_when_and_its_replicas_learn_of_it(self, store: Store) -> None:
        log = await store.led()
        assert not await log.paused()
        before = datetime.now(UTC)
        assert store.subscriptions.pause("s", "alice@sre")
        assert await log.paused()
        view = store.subscriptions.get("s")
        assert view
        assert view.paused
        assert view.paused.by == "alice@sre"
        assert view.paused.since
        assert before <= view.paused.since <= datetime.now(UTC)
        assert store.subscriptions.resume("s")
        assert not await log.paused()

    async def test_pausing_or_resuming_twice_does_it_once_and_touches_no_other(self, store: Store) -> None:
        other = await store.led("other")
        await store.at(0)
        assert [store.subscriptions.pause("s", by) for by in ("first", "second")] == [True, False]
        view = store.subscriptions.get("s")
        assert view
        assert view.paused
        assert view.paused.by == "first"
        assert not await other.paused()
        assert [store.subscriptions.resume("s") for _ in range(2)] == [True, False]

    @pytest.mark.parametrize(
        ("target", "again", "skipped", "rest"),
        [
            ("start", 4, 0, [0, 1, 2, 3, 4, 5]),
            ("end", 0, 3, []),
            (NOON - SECOND, 4, 0, [0, 1, 2, 3, 4, 5]),
            (NOON + 2 * SECOND, 2, 0, [2, 3, 4, 5]),
            (NOON + 2.5 * SECOND, 1, 0, [3, 4, 5]),
            (NOON + 4 * SECOND, 0, 1, [4, 5]),
            (NOON + 5 * SECOND, 0, 2, [5]),
            (NOON + 99 * SECOND, 0, 3, []),
        ],
    )
    async def test_a_preview_says_what_a_seek_then_does(
        self, store: Store, target: Target, again: int, skipped: int, rest: list[int]
    ) -> None:
        store.keep_some(6)
        await store.at(4, acknowledged=3)
        move = store.subscriptions.preview("s", target)
        assert move
        assert move == SeekPreview(move.position, again, skipped)
        view = store.subscriptions.get("s")
        assert view
        assert (view.pending, view.lag) == (1, 2)  # a preview changes nothing
        assert store.subscriptions.seek("s", target)
        assert await store.rest() == numbers(*rest)

    async def test_what_is_pending_before_the_place_is_skipped_when_it_moves_back(self, store: Store) -> None:
        store.keep_some(6)
        await store.at(4)
        move = store.subscriptions.preview("s", NOON + 2 * SECOND)
        assert move
        assert (move.again, move.skipped) == (2, 2)

    async def test_after_the_end_comes_what_is_kept_later(self, store: Store) -> None:
        store.keep_some(3)
        await store.at(0)
        assert store.subscriptions.seek("s", "end")
        store.keep(b"3", NOON + 3 * SECOND)
        assert await store.rest() == numbers(3)

    async def test_a_time_that_is_still_to_come_is_the_end(self, store: Store) -> None:
        store.keep_some(3)
        await store.at(0)
        assert store.subscriptions.seek("s", NOON + 99 * SECOND)
        store.keep(b"3", NOON + 3 * SECOND)
        assert await store.rest() == numbers(3)

    async def test_a_seek_forgets_the_attempts_and_leaves_what_was_redriven(self, store: Store) -> None:
        store.keep_some(2)
        log = await store.led()
        await log.record(await read(log, 2))
        store.redrive("s", b"again")
        await log.record(redriven := await read(log, 1))
        await store.left(log)
        assert store.subscriptions.seek("s", "start")
        view = store.subscriptions.get("s")
        assert view
        assert view.failing == 1
        log = await store.led()
        found = {entry.content: entry.recorded for entry in await read(log, 9)}
        assert found == {b"0": False, b"1": False, b"again": True}
        assert redriven[0].content == b"again"

    async def test_a_seek_moves_no_other_subscription(self, store: Store) -> None:
        store.keep_some(3)
        await store.at(3, acknowledged=3)
        await store.at(1, acknowledged=1, name="other")
        assert store.subscriptions.seek("s", "start")
        assert await store.rest("other") == numbers(1, 2)

    async def test_a_seek_is_refused_while_a_replica_leads_also_if_it_is_paused(self, store: Store) -> None:
        store.keep_some(3)
        log = await store.led()
        store.subscriptions.pause("s", "me")
        with pytest.raises(BusyError, match="one leads it"):
            store.subscriptions.seek("s", "end")
        assert len(await read(log, 9)) == 3

    @pytest.mark.parametrize("shared", [False, True])
    async def test_a_seek_is_refused_while_a_replica_runs_it_unless_it_is_paused(
        self, store: Store, shared: bool
    ) -> None:
        log = await store.led(shared=shared)
        store.keep_some(3)
        assert len(await read(log, 3)) == 3
        await log.abdicate()
        with pytest.raises(BusyError, match="runs it"):
            store.subscriptions.seek("s", "end")
        store.subscriptions.pause("s", "me")
        assert store.subscriptions.seek("s", "start")
        store.subscriptions.resume("s")
        assert [entry.content for entry in await read(await store.led(shared=shared), 9)] == numbers(0, 1, 2)

    async def test_what_is_removed_is_gone_but_for_the_others(self, store: Store) -> None:
        store.keep_some(2)
        await store.at(2)
        await store.at(1, acknowledged=1, name="other")
        store.redrive("s", b"again")
        store.subscriptions.pause("s", "me")
        assert [store.subscriptions.remove("s") for _ in range(2)] == [True, False]
        assert store.subscriptions.get("s") is None
        assert [view.name for view in store.subscriptions.all()] == ["other"]
        assert await store.rest("other") == numbers(1)
        assert await store.rest() == numbers(0, 1)  # made anew, at the first kept event
        assert store.subscriptions.get("s")

    @pytest.mark.parametrize("paused", [False, True])
    async def test_nothing_is_removed_that_a_replica_leads_or_runs(self, store: Store, paused: bool) -> None:
        log = await store.led()
        await read(log, 1)
        if paused:
            store.subscriptions.pause("s", "me")
        with pytest.raises(BusyError, match="one leads it"):
            store.subscriptions.remove("s")
        await log.abdicate()
        with pytest.raises(BusyError, match="runs it"):
            store.subscriptions.remove("s")
        await store.left(log)
        assert store.subscriptions.remove("s")
