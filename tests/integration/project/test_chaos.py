"""A selection of the loss harness's runs (`make chaos`), and that it would see what it looks for."""

from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from random import Random
from typing import Any

import pytest

from tests.chaos import publishing
from tests.chaos.changes import Change, compare, late
from tests.chaos.handlers import FIRST_ATTEMPTS, manner, poison
from tests.chaos.hostile_fates import OF_ALL, OF_ONE, Evidence, explained
from tests.chaos.hostile_values import STREAM, Value, before_a_job, of_other_types, values
from tests.chaos.report import REACH, Outcome, Record, causes, fates, out_of_order
from tests.chaos.run import run

SEEDS = {"ordered": 2464, "shared": 1873}
"""Of these, replicas and Valkey are killed or full, the stream is deleted or trimmed, and handlers do what they can."""
PUBLISHING_SEEDS = (3, 86, 168)
FAILOVER_SEED = 4
"""In its run a server without replicas comes back without what it had accepted last."""
EVENTS = 500


@pytest.fixture(scope="module")
def outcomes() -> dict[str, list[Outcome]]:
    short = partial(run, events=EVENTS, seconds=3, faults=4)
    with ThreadPoolExecutor(len(SEEDS) + len(PUBLISHING_SEEDS) + 1) as pool:
        runs = {kind: [pool.submit(short, kind, seed)] for kind, seed in SEEDS.items()}
        runs["publishing"] = [pool.submit(publishing.run, "publishing", seed) for seed in PUBLISHING_SEEDS]
        runs["failover"] = [pool.submit(publishing.run, "failover", FAILOVER_SEED)]
        return {kind: [future.result() for future in futures] for kind, futures in runs.items()}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("kind", SEEDS)
def test_every_accepted_event_is_handled_or_dead_lettered_unless_it_was_taken_out_of_the_stream(
    outcomes: dict[str, list[Outcome]], kind: str
) -> None:
    [outcome] = outcomes[kind]
    assert outcome.numbers["accepted"] == EVENTS
    assert (outcome.numbers["lost"], outcome.numbers["wrongly dead"]) == (0, 0)
    assert outcome.numbers["dead"] > 0
    assert outcome.sound


@pytest.mark.timeout(120)
def test_an_ordered_subscription_handles_the_events_of_a_subject_in_order(outcomes: dict[str, list[Outcome]]) -> None:
    assert outcomes["ordered"][0].numbers["handled"] > EVENTS / 2
    assert outcomes["ordered"][0].numbers["out of order"] == 0


@pytest.mark.timeout(120)
def test_the_changes_in_a_system_and_the_events_are_the_same_whatever_dies_or_is_full(
    outcomes: dict[str, list[Outcome]],
) -> None:
    for outcome in outcomes["publishing"]:
        assert outcome.sound, outcome
        assert outcome.numbers["changes"] > 20
    assert sum(outcome.numbers["deaths"] for outcome in outcomes["publishing"]) > 3


@pytest.mark.timeout(120)
def test_where_redis_forgets_what_came_last_no_change_is_lost(outcomes: dict[str, list[Outcome]]) -> None:
    [outcome] = outcomes["failover"]
    assert outcome.sound, outcome
    assert outcome.numbers["changes"] > 20


def test_an_event_that_comes_after_a_younger_one_of_its_subject_is_late() -> None:
    events = [{"subject": subject, "time": time} for subject, time in [("a", "1"), ("b", "3"), ("a", "4"), ("a", "2")]]
    assert late(events) == 1
    assert late(events[:3]) == 0


@pytest.mark.parametrize(
    ("events", "found"),
    [
        ([1, 2, 3], {}),
        ([1, 1, 2, 3, 3], {"told again": 2}),
        ([1, 3], {"lost": 1}),
        ([1, 2, 3, 4], {"untrue": 1}),
        ([2, 1, 3], {"out of order": 1}),
        ([1, 2, 3, 2], {"untrue": 1}),
    ],
)
def test_what_the_events_say_is_compared_with_what_changed(events: list[int], found: dict[str, int]) -> None:
    changes: list[Change] = [("team", "members", value) for value in (1, 2, 3)]
    counted = compare({}, changes, Counter(), [[("team", "members", value)] for value in events])
    assert {name: number for name, number in counted.items() if number} == found


def test_a_state_halfway_through_an_action_need_not_be_told() -> None:
    changes: list[Change] = [("team", "members", 1), ("team", "members", 2)]
    halfway = Counter(changes[:1])
    assert compare({}, changes, halfway, [[change] for change in changes[1:]]).total() == 0
    assert compare({}, changes, halfway, [[change] for change in changes]).total() == 0


def handled(event: str, begin: int, end: int, pid: int = 1) -> Record:
    return Record(begin, end, pid, event, 1)


def test_an_event_that_was_not_handled_when_a_later_one_was_begun_is_out_of_order() -> None:
    second_too_early = [handled("a-2", 0, 1), handled("a-1", 2, 3), handled("b-1", 0, 9), handled("a-3", 4, 5)]
    assert out_of_order(second_too_early, set(), {}) == 1
    assert out_of_order(second_too_early, {"a-1"}, {}) == 0
    assert out_of_order([handled("a-1", 0, 5), handled("a-2", 4, 6)], set(), {}) == 1


def test_an_event_that_was_taken_out_of_the_stream_while_it_was_handled_is_not_out_of_order() -> None:
    by_two_leaders = [handled("a-1", 0, 9), handled("a-2", 4, 5, 2)]
    assert out_of_order(by_two_leaders, set(), {"a-1": 3}) == 0
    assert out_of_order(by_two_leaders, set(), {"a-1": 20, "a-2": 3}) == 1
    assert out_of_order([handled("a-1", 6, 9), handled("a-2", 4, 5, 2)], set(), {"a-1": 3}) == 1


def test_an_event_that_is_handled_once_more_later_is_a_duplicate_and_not_out_of_order() -> None:
    records = [handled("a-1", 0, 10), handled("a-2", 11, 20), handled("a-1", 30, 40, 2)]
    assert out_of_order(records, set(), {}) == 0
    assert causes(records, []) == {"unexplained": 1}
    assert causes(records, [(5, "group lost"), (21, "kill -9")]) == {"group lost": 1}
    assert causes(records, [(5, "kill -9"), (35, "SIGTERM")]) == {"kill -9": 1}
    after_long = [handled("a-1", 2 * REACH, 2 * REACH + 1), handled("a-1", 3 * REACH, 3 * REACH + 1)]
    assert causes(after_long, [(5, "group lost"), (6, "kill -9")]) == {"group lost": 1}
    assert causes(after_long, [(6, "kill -9")]) == {"unexplained": 1}
    assert causes([handled("a-1", 0, 50), handled("a-1", 30, 40, 2)], [(20, "lease lost")]) == {"lease lost": 1}


def fate(
    *, handled: Iterable[str] = (), dead: Iterable[str] = (), removed: Iterable[str] = (), poison: Iterable[str] = ()
) -> dict[str, int]:
    """Return what is counted of one accepted event, "a"."""
    sets = {"handled": {*handled}, "dead": {*dead}, "removed": {*removed}, "poison": {*poison}}
    return {name: number for name, number in fates({"a"}, **sets).items() if number and name != "accepted"}


def test_an_event_that_is_neither_handled_nor_dead_nor_taken_out_of_the_stream_is_lost() -> None:
    assert fate() == {"lost": 1}
    assert fate(removed=["b"]) == {"lost": 1}
    assert fate(removed=["a"]) == {"removed": 1}
    assert fate(removed=["a"], handled=["a"]) == {"handled": 1}


def test_an_event_that_is_dead_and_no_poison_is_wrongly_dead() -> None:
    assert fate(dead=["a"]) == {"dead": 1, "wrongly dead": 1}
    assert fate(dead=["a"], poison=["a"]) == {"dead": 1}
    assert fate(dead=["a"], handled=["a"]) == {"handled": 1, "wrongly dead": 1}


def test_a_run_is_not_sound_if_something_is_lost_or_wrongly_dead_or_in_order_only_by_chance() -> None:
    def is_sound(kind: str, **numbers: int) -> bool:
        named = {name.replace("_", " "): number for name, number in numbers.items()}
        return Outcome(kind, "1", Counter(named), Counter(), Counter()).sound

    assert is_sound("ordered", accepted=5, handled=3, removed=1, dead=1, duplicated=2)
    assert not is_sound("ordered", lost=1)
    assert not is_sound("shared", wrongly_dead=1)
    assert not is_sound("ordered", out_of_order=1)
    assert is_sound("shared", out_of_order=1)
    assert not is_sound("publishing", told_again=1)


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        ("publishing", "spool unwritable"),
        ("failover-one-replica", "killed with the primary"),
        ("failover-fsync", "stopped"),
    ],
)
def test_a_change_may_be_told_again_if_its_intent_was_out_of_sight_or_came_back_with_another_primary(
    kind: str, fault: str
) -> None:
    told_again = Counter({"told again": 1})
    assert Outcome(kind, "1", told_again, Counter(), Counter({fault: 1})).sound
    assert not Outcome(kind, "1", told_again, Counter(), Counter()).sound
    assert not Outcome("publishing", "1", told_again, Counter(), Counter({"stopped": 1})).sound


def test_a_handler_misbehaves_twice_at_most_with_an_event_that_is_no_poison() -> None:
    events = [f"subject-{number}" for number in range(5_000)]
    seen = {manner(4, event, begun) for event in events for begun in (1, 2) if not poison(4, event)}
    assert seen == {"", *FIRST_ATTEMPTS}
    assert {manner(4, event, 3) for event in events} == {"", "fails", "exits"}
    assert {manner(4, event, 3) for event in events if not poison(4, event)} == {""}


def test_the_same_seed_makes_the_same_hostile_values_and_each_place_has_one_who_says_what_became_of_them() -> None:
    once, again = (list(values(Random(7), 3000, {"1-1": "x"})) for _ in range(2))
    assert once == again
    rounds = [value for some in of_other_types() for value in some]
    places = {value.place for value in [*once, *rounds, *before_a_job(Random(1), "team-0")]}
    assert places == OF_ALL.keys() | OF_ONE.keys()


def test_a_hostile_value_that_nobody_can_explain_makes_a_run_unsound() -> None:
    entry = Value("an entry of the stream", STREAM, "", ("XADD", STREAM, "*", b"__data__", b"garbage"))
    nothing: Any = object()
    evidence = Evidence(nothing, set(), {("audit-log", "1-1")}, {}, [], {}, set(), {})
    assert explained([(entry, b"1-1")], evidence) == {"an entry of the stream: dead-lettered: it is no event": 1}
    found = explained([(entry, b"2-2")], evidence)
    assert found == {"an entry of the stream: unknown": 1}
    assert Outcome("hostile", "1", Counter({"values": 1}), found, Counter()).sound
    assert not Outcome("hostile", "1", Counter({"values": 1, "unknown": 1}), found, Counter()).sound


def test_a_shortage_in_a_metric_is_unknown() -> None:
    some = [(Value("a message of Celery's queue", "q", f"job-{number}", ("LPUSH", "q", "x")), 1) for number in range(5)]
    nothing: Any = object()
    logs = [{"event": "message dropped; its job has ended or is not known", "job_id": "job-1"}]
    found = explained(some, Evidence(nothing, set(), set(), {}, logs, {"messages": 2}, {"job-2"}, {}))
    assert sorted(found.values(), reverse=True) == [2, 1, 1, 1]
    assert found["a message of Celery's queue: unknown"] == 1
