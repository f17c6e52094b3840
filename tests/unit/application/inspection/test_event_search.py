"""Finding events among those that are kept, and following those that come."""

import json
from datetime import timedelta
from typing import Any

import pytest

from qontract.adapters.memory import InMemoryEventStore, InMemoryKeptEvents
from qontract.application.inspection.event_search import EventFilter, Search, find_one, follow
from qontract.application.ports.kept_events import KeptEventsError, Span
from tests.contracts.kept_events import NOON

AWAY = KeptEventsError("away")


class Log:
    """Kept events, one a second from noon on."""

    def __init__(self, *events: dict[str, Any] | bytes) -> None:
        self.events = InMemoryEventStore()
        self.kept = InMemoryKeptEvents(self.events, began=NOON)
        self.keep(*events)

    def keep(self, *events: dict[str, Any] | bytes) -> None:
        for event in events:
            self.events.append(event if isinstance(event, bytes) else json.dumps(event).encode())
            self.events.kept[self.events.newest].since = self.events.newest - 1

    def keep_numbers(self, count: int) -> None:
        self.keep(*({"type": "n", "id": str(number)} for number in range(count)))

    def search(
        self, wanted: EventFilter | None = None, span: Span | None = None, **bounds: Any
    ) -> tuple[list[str], Search]:
        search = Search(self.kept, wanted or EventFilter(), span or Span(), **{"limit": 1000} | bounds)
        return [event.entry for event in search], search


FOUR = (
    {"type": "a.b", "id": "1", "source": "/x", "subject": "db-1", "authid": "alice"},
    {"type": "a.c", "id": "2", "source": "/x", "subject": "db-2", "authid": "bob"},
    {"type": "x.y", "id": "1", "source": "/y", "subject": "db-1"},
    b"\xff",
)


@pytest.mark.parametrize(
    ("wanted", "entries"),
    [
        (EventFilter(), "1234"),
        (EventFilter(types=("a.b",)), "1"),
        (EventFilter(types=("a.*",)), "12"),
        (EventFilter(types=("a.b", "x.*")), "13"),
        (EventFilter(types=("*",)), "123"),
        (EventFilter(types=("a",)), ""),
        (EventFilter(types=("a?b",)), ""),
        (EventFilter(source="/x"), "12"),
        (EventFilter(subject="db-1"), "13"),
        (EventFilter(subject="db-*"), ""),
        (EventFilter(subject=""), ""),
        (EventFilter(who="alice"), "1"),
        (EventFilter(event_id="1"), "13"),
        (EventFilter(types=("a.*",), source="/x", subject="db-2", who="bob", event_id="2"), "2"),
        (EventFilter(types=("a.*",), who="carol"), ""),
    ],
)
def test_an_event_is_found_if_it_meets_every_condition(wanted: EventFilter, entries: str) -> None:
    found, search = Log(*FOUR).search(wanted)
    assert found == list(entries)
    assert (search.scanned, search.next, search.is_full) == (4, "", False)


def test_a_span_bounds_the_search_in_time_and_direction() -> None:
    span = Span(NOON + timedelta(seconds=1), NOON + timedelta(seconds=2), newest_first=True)
    assert Log(*FOUR).search(span=span)[0] == ["3", "2"]


@pytest.mark.parametrize("newest_first", [False, True])
def test_pages_are_joined_without_a_gap_or_a_repetition(newest_first: bool) -> None:
    log = Log()
    log.keep_numbers(1500)
    found, search = log.search(span=Span(newest_first=newest_first), limit=10_000)
    expected = [str(number) for number in range(1, 1501)]
    assert found == (expected[::-1] if newest_first else expected)
    assert search.next == ""


@pytest.mark.parametrize("newest_first", [False, True])
def test_going_on_after_a_limit_finds_the_rest(newest_first: bool) -> None:
    log = Log()
    log.keep_numbers(50)
    found: list[str] = []
    after = ""
    for _ in range(3):
        some, search = log.search(span=Span(after=after, newest_first=newest_first), limit=20)
        assert len(some) <= 20
        found, after = found + some, search.next
    assert len(found) == len(set(found)) == 50
    assert after == ""


def test_a_search_stops_at_its_bound_and_says_how_to_go_on() -> None:
    log = Log()
    log.keep_numbers(100)
    found, search = log.search(EventFilter(event_id="80"), most=60)
    assert (found, search.scanned, search.next, search.is_full) == ([], 60, "60", False)
    found, search = log.search(EventFilter(event_id="80"), Span(after=search.next), most=60)
    assert (found, search.scanned, search.next) == (["81"], 40, "")


def test_a_bound_that_is_just_enough_is_no_bound() -> None:
    log = Log()
    log.keep_numbers(60)
    assert log.search(most=60)[1].next == ""


def test_a_search_stops_before_it_has_too_many_bytes_but_finds_one() -> None:
    log = Log(*(b"x" * 1000 for _ in range(10)))
    found, search = log.search(max_bytes=2500)
    assert (found, search.next, search.is_full) == (["1", "2"], "2", True)
    assert log.search(span=Span(after="2"), max_bytes=1)[0] == ["3"]


def test_a_search_of_large_events_asks_for_few_at_once(mocker: Any) -> None:
    log = Log(*(b"x" * 2**20 for _ in range(30)))
    page = mocker.spy(log.kept, "page")
    log.search()
    counts = [call.args[1] for call in page.call_args_list]
    assert counts[0] == 16
    assert set(counts[1:]) == {4}


def test_one_large_event_is_enough_to_make_the_next_page_a_small_one(mocker: Any) -> None:
    log = Log(*(b"x" for _ in range(15)), b"x" * 2**20, *(b"x" for _ in range(40)))
    page = mocker.spy(log.kept, "page")
    assert len(log.search()[0]) == 56
    assert [call.args[1] for call in page.call_args_list][:3] == [16, 4, 8]


def test_a_search_of_small_events_asks_for_more_and_more_up_to_a_bound(mocker: Any) -> None:
    log = Log()
    log.keep_numbers(3000)
    page = mocker.spy(log.kept, "page")
    log.search(limit=10_000)
    counts = [call.args[1] for call in page.call_args_list]
    assert counts[:7] == [16, 32, 64, 128, 256, 500, 500]


def test_an_error_of_the_log_is_the_search_s() -> None:
    log = Log(*FOUR)
    log.kept.fail("page", AWAY)
    with pytest.raises(KeptEventsError):
        log.search()


@pytest.mark.parametrize(
    ("name", "source", "entry"),
    [("2", None, "2"), ("1", None, "1"), ("1", "/y", "3"), ("1", "/z", None), ("9", None, None), ("", None, None)],
)
def test_one_event_is_found_by_its_entry_or_else_by_its_id_and_source(
    name: str, source: str | None, entry: str | None
) -> None:
    found, _ = find_one(Log(*FOUR).kept, name, source)
    assert (found.entry if found else None) == entry


def test_of_several_events_with_an_id_the_newest_is_found() -> None:
    log = Log({"id": "same"}, {"id": "same"}, {"id": "other"})
    found, search = find_one(log.kept, "same")
    assert found
    assert (found.entry, search.scanned) == ("2", 2)


class Following:
    """Follows a log: at each pause it does the next thing, and it ends after the last."""

    def __init__(self, log: Log, *steps: Any) -> None:
        self.log = log
        self.steps = list(steps)
        self.pauses: list[float] = []
        self.trouble: list[KeptEventsError | None] = []

    def entries(self, wanted: EventFilter | None = None, span: Span | None = None) -> list[str]:
        events = follow(self.log.kept, wanted or EventFilter(), span or Span(), self._pause, self.trouble.append)
        return [event.entry for event in events]

    def _pause(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        if self.steps:
            self.steps.pop(0)()
            return True
        return False


def test_following_gives_what_is_there_and_then_what_comes() -> None:
    log = Log(*FOUR)
    following = Following(
        log, lambda: log.keep({"type": "a.b"}, {"type": "x"}), lambda: None, lambda: log.keep(FOUR[0])
    )
    assert following.entries(EventFilter(types=("a.*",))) == ["1", "2", "5", "7"]
    assert following.trouble == []


def test_following_from_an_entry_gives_only_what_comes_after_it() -> None:
    log = Log(*FOUR)
    following = Following(log, lambda: log.keep({"type": "a.b"}))
    assert following.entries(span=Span(after="3")) == ["4", "5"]


def test_after_a_broken_connection_it_goes_on_where_it_was_and_shows_nothing_twice() -> None:
    log = Log()
    log.keep_numbers(20)

    def break_off() -> None:
        log.keep_numbers(20)
        log.kept.fail("page", AWAY, times=3)

    following = Following(log, break_off, lambda: None, lambda: None, lambda: log.keep_numbers(1))
    assert following.entries() == [str(number) for number in range(1, 42)]
    assert following.trouble == [AWAY, None]


def test_a_connection_that_breaks_between_two_pages_loses_and_repeats_nothing() -> None:
    log = Log()
    log.keep_numbers(40)
    pages = log.kept.page

    def page(span: Span, count: int) -> Any:
        found = pages(span, count)
        if span.after == "16" and not following.trouble:
            raise AWAY
        return found

    following = Following(log, lambda: None)
    log.kept.page = page  # type: ignore[method-assign]
    assert following.entries() == [str(number) for number in range(1, 41)]
    assert following.trouble == [AWAY, None]


def test_it_asks_less_and_less_often_while_the_log_is_away() -> None:
    log = Log()
    log.kept.fail("page", AWAY, times=20)
    following = Following(log, *(lambda: None for _ in range(10)))
    following.entries()
    assert following.pauses[0] >= 0.5
    assert following.pauses[-1] == 5.0
    assert following.trouble == [AWAY]
