"""What every KeptEvents promises: each line of the port's docstring."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from qontract.application.ports.kept_events import KeptEvents, Span
from qontract.domain.kept_events import KeptEvent

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@dataclass
class Log:
    """The kept events, and the publisher's side: `keep` keeps bytes at a time, and returns the entry."""

    kept: KeptEvents
    keep: Callable[[bytes, datetime], str]

    def keep_some(self, count: int) -> list[str]:
        """Keep so many events, one a second from noon on."""
        return [self.keep(b"%d" % number, NOON + number * SECOND) for number in range(count)]


def numbers(page: Sequence[KeptEvent]) -> list[int]:
    return [int(event.content) for event in page]


class KeptEventsContract:
    """Subclass it, and give the adapter."""

    @pytest.fixture
    @abstractmethod
    def log(self) -> Log:
        """A log of which nothing is kept yet."""

    @pytest.mark.parametrize("content", [b"", b"\xff\x00\r\n", b'{"type": "a.b"}', b"x" * 1_000_000])
    def test_an_event_has_its_entry_the_time_at_which_it_was_kept_and_its_bytes(self, log: Log, content: bytes) -> None:
        entry = log.keep(content, NOON)
        assert list(log.kept.page(Span(), 10)) == [KeptEvent(entry, NOON, content)]
        assert log.kept.get(entry) == KeptEvent(entry, NOON, content)

    def test_a_page_has_the_first_events_in_order(self, log: Log) -> None:
        log.keep_some(5)
        assert numbers(log.kept.page(Span(), 3)) == [0, 1, 2]
        assert numbers(log.kept.page(Span(), 5)) == [0, 1, 2, 3, 4]

    def test_newest_first_it_has_the_last_ones(self, log: Log) -> None:
        log.keep_some(5)
        assert numbers(log.kept.page(Span(newest_first=True), 3)) == [4, 3, 2]

    @pytest.mark.parametrize("newest_first", [False, True])
    def test_going_on_after_the_last_one_gives_every_event_once(self, log: Log, newest_first: bool) -> None:
        log.keep_some(7)
        found: list[int] = []
        after = ""
        while page := log.kept.page(Span(after=after, newest_first=newest_first), 3):
            found += numbers(page)
            after = page[-1].entry
        assert found == (list(range(7))[::-1] if newest_first else list(range(7)))

    @pytest.mark.parametrize("newest_first", [False, True])
    def test_both_times_of_a_span_belong_to_it(self, log: Log, newest_first: bool) -> None:
        log.keep_some(5)
        span = Span(NOON + SECOND, NOON + 3 * SECOND, newest_first=newest_first)
        assert sorted(numbers(log.kept.page(span, 10))) == [1, 2, 3]

    @pytest.mark.parametrize("newest_first", [False, True])
    def test_a_span_goes_on_after_an_entry_up_to_its_end(self, log: Log, newest_first: bool) -> None:
        entries = log.keep_some(5)
        span = Span(NOON + SECOND, NOON + 3 * SECOND, entries[2], newest_first)
        assert numbers(log.kept.page(span, 10)) == ([1] if newest_first else [3])

    def test_a_span_before_or_after_all_events_has_none(self, log: Log) -> None:
        log.keep_some(3)
        for span in (
            Span(until=NOON - SECOND),
            Span(since=NOON + 9 * SECOND),
            Span(until=datetime(1, 1, 1, tzinfo=UTC)),
        ):
            assert list(log.kept.page(span, 10)) == []

    def test_without_events_there_is_nothing_to_read_also_later(self, log: Log) -> None:
        assert list(log.kept.page(Span(), 10)) == []
        assert list(log.kept.page(Span(newest_first=True), 10)) == []
        assert list(log.kept.page(Span(after=log.kept.newest()), 10)) == []

    def test_what_is_kept_later_comes_after_what_was_the_newest(self, log: Log) -> None:
        empty = log.kept.newest()
        log.keep(b"1", NOON)
        newest = log.kept.newest()
        assert numbers(log.kept.page(Span(after=empty), 10)) == [1]
        log.keep(b"2", NOON)
        assert numbers(log.kept.page(Span(after=newest), 10)) == [2]

    @pytest.mark.parametrize("text", ["", "x", "-", "+", "$", "(1-1", "1-", "-1", "٣-٣", "9" * 99, "\ud800", "1-1\n"])
    def test_any_text_may_be_asked_for_and_is_no_entry(self, log: Log, text: str) -> None:
        log.keep(b"1", NOON)
        assert log.kept.get(text) is None

    @pytest.mark.parametrize("text", ["x", "-", "+", "$", "(1-1", "1-", "٣", "9" * 99, "\ud800"])
    def test_what_can_be_no_entry_is_refused_as_where_to_go_on(self, log: Log, text: str) -> None:
        with pytest.raises(ValueError, match="no entry"):
            log.kept.page(Span(after=text), 1)
