"""Redriving the dead letters of one cause, in memory: nobody waits."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from qontract.adapters.memory import InMemoryEventStore, InMemorySubscriptions
from qontract.adapters.memory.event_store import AttemptRecord
from qontract.application.control.group_redrive import (
    GroupRedrive,
    NotRunningError,
    RedriveEnd,
    RedriveProgress,
    redrive_all,
    require_running,
)
from qontract.application.control.subscriptions import SubscriptionControl
from qontract.application.ports.dead_letters import DeadLettersError, SubscriptionGoneError
from qontract.domain.dead_letter_events import ChangedLetters
from tests.support.dying import NAME, Site, dying


def run(site: Site, redrive: GroupRedrive, rate: float = 1000, **changes: Any) -> tuple[RedriveEnd, RedriveProgress]:
    settings: dict[str, Any] = {
        "rate": rate,
        "is_read": lambda: True,
        "report": site.reports.append,
        "sleep": site.sleep,
        "now": lambda: site.clock,
    }
    return redrive_all(redrive, **settings | changes)


def told(site: Site) -> list[str]:
    """Return the letters of which events tell."""
    data = [event.data for event in site.publisher.events]
    return [letter.id for one in data if isinstance(one, ChangedLetters) for letter in one.letters]


def test_all_letters_of_the_group_are_redriven_and_handled_and_no_other() -> None:
    with dying(20, odd=3) as site:
        site.crm.broken = set()
        group = site.group()
        wanted = [letter.id for letter in site.dead_letters.iterate() if letter.group == group.id]
        end, found = run(site, site.redrive(group))
        assert (end, found) == (RedriveEnd.DONE, RedriveProgress(redriven=20))
        assert sorted(site.crm.handled) == list(range(20))
        assert len(list(site.dead_letters.iterate())) == 3
        assert told(site) == wanted


def test_batches_grow_from_one_letter_to_a_bound_which_the_rate_may_lower() -> None:
    for rate, most in ((1000.0, 64), (2.0, 10), (0.1, 1)):
        with dying(100) as site:
            site.crm.broken = set()
            run(site, site.redrive(site.group()), rate)
            counts = sorted({report.redriven for report in site.reports})
            batches = [later - before for before, later in pairwise(counts)]
            assert batches[:4] == [min(most, size) for size in (1, 2, 4, 8)]
            assert max(batches) == min(most, 37)


def test_no_more_are_redriven_in_a_second_than_the_rate_says() -> None:
    with dying(30) as site:
        site.crm.broken = set()
        run(site, site.redrive(site.group()), 2.0)
        assert site.clock >= 15


def test_it_stops_when_the_cause_comes_back_and_has_redriven_one_batch_at_most_since() -> None:
    with dying(40) as site:
        subjects = [letter.subject for letter in site.dead_letters.iterate()]
        site.crm.broken = {int(str(subjects[20]).removeprefix("person-"))}
        group = site.group()
        end, found = run(site, site.redrive(group))
        assert end is RedriveEnd.CAME_BACK
        assert (found.redriven, found.came_back) == (31, 1)  # 1 + 2 + 4 + 8 + 16
        assert found.error.startswith("ValueError: no place for ")
        assert len(site.crm.handled) == 30
        assert len(told(site)) == 31


def test_it_stops_at_the_first_failed_attempt_and_does_not_wait_for_the_last() -> None:
    with dying(3) as site:
        redrive = site.redrive(site.group())
        redrive.step(1)
        [number] = site.events.of(NAME).redriven
        failures = next(site.dead_letters.iterate()).failures[-1:]
        site.events.of(NAME).records[number] = AttemptRecord(failures, 0, 0)
        site.working = False
        end, found = run(site, redrive)
        assert (end, found.redriven, found.waiting, found.came_back) == (RedriveEnd.CAME_BACK, 1, 1, 1)


def test_the_same_error_some_lines_away_is_the_cause_that_came_back() -> None:
    with dying(3) as site:
        group = site.group()
        place, _, line = group.cause.where.rpartition(":")
        group.cause = group.cause._replace(where=f"{place}:{int(line) + 5}")
        redrive = site.redrive(group)
        redrive._letters = iter([*site.dead_letters.iterate()])
        end, _ = run(site, redrive)
        assert end is RedriveEnd.CAME_BACK


def test_where_they_fail_for_another_cause_it_goes_on_in_batches_that_do_not_grow() -> None:
    with dying(6) as site:
        site.crm.broken, site.crm.odd = set(), set(range(6))
        end, found = run(site, site.redrive(site.group()))
        assert (end, found.redriven, found.came_back) == (RedriveEnd.DONE, 6, 0)
        assert len(list(site.dead_letters.iterate())) == 6


def test_after_a_stop_the_next_redriving_begins_with_all_that_there_are() -> None:
    with dying(5) as site:
        assert run(site, site.redrive(site.group()))[0] is RedriveEnd.CAME_BACK
        site.crm.broken = set()
        end, found = run(site, site.redrive(site.group()))
        assert (end, found.redriven) == (RedriveEnd.DONE, 5)


def test_one_that_was_killed_is_gone_on_with_and_redrives_none_twice() -> None:
    with dying(20) as site:
        site.crm.broken = {0}
        first, group = site.redrive(site.group()), site.group()
        first.step(7)
        site.working = False  # who redrove is killed before it looks
        site.crm.broken = set()
        end, found = run(site, site.redrive(group, by="bob"), sleep=lambda seconds: site.sleep(seconds + 1), rate=50)
        assert end is RedriveEnd.DONE
        assert found.redriven == 13
        assert len(told(site)) == len(set(told(site))) == 20


def test_what_came_back_while_nobody_looked_stops_who_goes_on() -> None:
    with dying(20) as site:
        group, first = site.group(), site.redrive(site.group())
        first.step(7)
        site.sleep(1)
        end, found = run(site, site.redrive(group))
        assert (end, found.redriven, found.came_back) == (RedriveEnd.CAME_BACK, 0, 7)
        assert len(list(site.dead_letters.iterate())) == 20


def test_letters_that_die_meanwhile_are_left_to_the_next_redriving() -> None:
    with dying(4) as site:
        group, redrive = site.group(), site.redrive(site.group())
        later = next(site.dead_letters.iterate())
        site.events.add_letter(NAME, later.data, later.failures, "99")
        site.crm.broken = set()
        assert run(site, redrive)[1].redriven == 4
        assert [letter.entry for letter in site.dead_letters.iterate()] == ["99"]
        assert run(site, site.redrive(group))[1].redriven == 1


def test_a_run_that_somebody_else_finished_is_ended_and_a_new_one_begun() -> None:
    with dying(4) as site:
        letter = next(site.dead_letters.iterate())
        group, left = site.group(), site.redrive(site.group())
        site.crm.broken = set()
        assert left.step(5) == 4
        site.sleep(1)
        site.events.add_letter(NAME, letter.data, letter.failures, "99")
        assert run(site, site.redrive(group))[1].redriven == 1


def test_a_run_whose_events_are_not_handled_yet_is_gone_on_with_though_no_letter_is_left() -> None:
    with dying(2) as site:
        group, first = site.group(), site.redrive(site.group())
        site.working = False
        assert first.step(5) == 2
        assert site.redrive(group).progress().waiting == 2


def test_of_a_letter_that_came_back_the_latest_error_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with dying(1) as site:
        redrive = site.redrive(site.group())
        redrive.step(1)
        site.sleep(1)
        [letter] = site.dead_letters.iterate()
        failures = [letter.failures[0]._replace(error=f"ValueError: {text}") for text in ("first", "last")]
        back = replace(letter, failures=tuple(failures))
        monkeypatch.setattr(site.dead_letters, "iterate", lambda **_: iter([back]))
        found = redrive.progress()
        assert (found.came_back, found.error) == (1, "ValueError: last")


def test_it_is_not_ended_while_nobody_reads_the_subscription() -> None:
    with dying(4) as site:
        group = site.group()
        end, found = run(site, site.redrive(group), is_read=lambda: False)
        assert (end, found.redriven) == (RedriveEnd.NOT_READ, 0)
        assert site.events.runs


def test_handlers_that_take_long_are_waited_for_a_minute_and_the_batches_do_not_grow() -> None:
    with dying(3) as site:
        site.working = False
        end, found = run(site, site.redrive(site.group()))
        assert (end, found.redriven, found.waiting) == (RedriveEnd.DONE, 3, 3)
        assert 180 <= site.clock < 200


def test_a_store_that_goes_away_leaves_a_run_to_go_on_with_and_tells_what_was_done() -> None:
    with dying(8) as site:
        site.crm.broken = set()
        group, redrive = site.group(), site.redrive(site.group())
        redrive.step(3)
        site.dead_letters.fail("redrive", DeadLettersError("away"))
        with pytest.raises(DeadLettersError, match="away"):
            run(site, redrive)
        assert len(told(site)) == 3
        assert run(site, site.redrive(group))[1].redriven == 5
        assert len(set(told(site))) == 8


def test_a_subscription_that_is_gone_paused_or_not_read_is_named_with_what_to_do() -> None:
    with dying(1) as site:
        require_running(site.control, NAME)
        site.control.pause(NAME, by="alice")
        with pytest.raises(NotRunningError, match=r"nobody reads its subscription crm \(paused\): by alice since"):
            require_running(site.control, NAME)
        site.control.resume(NAME, by="alice")
        site.events.lose(NAME)
        with pytest.raises(SubscriptionGoneError, match="its subscription crm is gone: run it, or discard"):
            require_running(site.control, NAME)
        with pytest.raises(SubscriptionGoneError):
            run(site, site.redrive(site.group()))
        assert len(list(site.dead_letters.iterate())) == 1


def test_a_subscription_of_which_only_the_pause_is_left_is_gone() -> None:
    paused = InMemorySubscriptions(InMemoryEventStore())
    paused.pause(NAME, "alice")
    with pytest.raises(SubscriptionGoneError):
        require_running(SubscriptionControl(paused, abandoned_seconds=1000), NAME)
