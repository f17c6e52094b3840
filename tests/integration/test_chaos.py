"""A selection of the loss harness's runs (`make chaos`), and that it would see what it looks for."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from tests.chaos import publishing
from tests.chaos.publishing import Change, compare
from tests.chaos.report import Outcome, Record, causes, out_of_order
from tests.chaos.run import run

SEEDS = {"ordered": 3, "shared": 3, "plain": 3}


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Outcome]:
    short = partial(run, events=1000, seconds=5, faults=5)
    with ThreadPoolExecutor(len(SEEDS)) as pool:
        return {outcome.kind: outcome for outcome in pool.map(short, SEEDS, SEEDS.values())}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("kind", ["ordered", "shared"])
def test_every_accepted_event_is_handled_or_in_the_dead_letters(outcomes: dict[str, Outcome], kind: str) -> None:
    numbers = outcomes[kind].numbers
    assert numbers["accepted"] == 1000
    assert numbers["handled"] + numbers["dead"] == 1000
    assert (numbers["lost"], numbers["wrongly dead"]) == (0, 0)
    assert numbers["dead"] > 0


@pytest.mark.timeout(120)
def test_an_ordered_subscription_handles_the_events_of_a_subject_in_order(outcomes: dict[str, Outcome]) -> None:
    assert outcomes["ordered"].numbers["out of order"] == 0
    assert outcomes["ordered"].sound


@pytest.mark.timeout(120)
def test_a_plain_faststream_subscriber_loses_events_in_the_same_run(outcomes: dict[str, Outcome]) -> None:
    assert outcomes["plain"].numbers["lost"] > 0
    assert not outcomes["plain"].sound


@pytest.fixture(scope="module")
def publishing_outcomes() -> dict[str, list[Outcome]]:
    with ThreadPoolExecutor(5) as pool:
        runs = {
            kind: [pool.submit(publishing.run, kind, seed) for seed in (3, 45, 86, 127, 168)]
            for kind in ("publishing", "unsafe")
        }
        return {kind: [future.result() for future in futures] for kind, futures in runs.items()}


@pytest.mark.timeout(120)
def test_the_changes_in_slack_and_the_events_are_the_same_whatever_dies_or_is_full(
    publishing_outcomes: dict[str, list[Outcome]],
) -> None:
    for outcome in publishing_outcomes["publishing"]:
        assert outcome.sound, outcome
        assert outcome.numbers["changes"] > 20
    assert sum(outcome.numbers["deaths"] for outcome in publishing_outcomes["publishing"]) > 5


@pytest.mark.timeout(120)
def test_without_spool_and_intents_events_are_lost_in_the_same_runs(
    publishing_outcomes: dict[str, list[Outcome]],
) -> None:
    assert sum(outcome.numbers["lost"] for outcome in publishing_outcomes["unsafe"]) > 0


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
    changes = [("team", "members", value) for value in (1, 2, 3)]
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
    assert out_of_order(second_too_early, set()) == 1
    assert out_of_order(second_too_early, {"a-1"}) == 0
    assert out_of_order([handled("a-1", 0, 5), handled("a-2", 4, 6)], set()) == 1


def test_an_event_that_is_handled_once_more_later_is_a_duplicate_and_not_out_of_order() -> None:
    records = [handled("a-1", 0, 10), handled("a-2", 11, 20), handled("a-1", 30, 40, 2)]
    assert out_of_order(records, set()) == 0
    assert causes(records, []) == {"unexplained": 1}
    assert causes(records, [(5, "group lost"), (21, "kill -9")]) == {"group lost": 1}
    assert causes(records, [(5, "kill -9"), (35, "SIGTERM")]) == {"kill -9": 1}
