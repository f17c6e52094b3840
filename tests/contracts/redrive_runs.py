"""What every RedriveRuns promises: each line of the port's docstring."""

from abc import abstractmethod

import pytest

from qontract.application.ports.dead_letters import ChangedBy
from qontract.application.ports.event_log import EventLog
from qontract.application.ports.redrive_runs import RedriveRuns, Run, Unacknowledged
from qontract.domain.dead_letters import FailedAttempt
from qontract.domain.failure_causes import Cause
from qontract.testing.contracts.dead_letters import FAILURES
from qontract.testing.contracts.event_log_events import Events, event, opened, read

GROUP, NAME = "5ec8c97c2d", "audit-log"
FAILED = FailedAttempt(FAILURES[0].time, "ValueError: again", Cause("ValueError", "here"))


class RedriveRunsContract:
    """Subclass it, and give the adapter, and the events that it looks at."""

    pytestmark = pytest.mark.anyio

    @pytest.fixture
    @abstractmethod
    def events(self) -> Events:
        """Nothing is kept."""

    @pytest.fixture
    @abstractmethod
    def runs(self, events: Events) -> RedriveRuns:
        """The runs on these events."""

    async def test_a_run_that_has_begun_goes_on_until_it_ends_whoever_began_it(
        self, events: Events, runs: RedriveRuns
    ) -> None:
        await died(events, 1)
        run = runs.begin(GROUP, NAME, "alice")
        assert (run.group, run.subscription, run.by, run.newest) == (GROUP, NAME, "alice", events.dead_letters.newest())
        await died(events, 1)
        assert runs.begin(GROUP, NAME, "bob") == run
        other = runs.begin("another", NAME, "bob")
        assert other.newest == events.dead_letters.newest()
        runs.end(run)
        runs.end(run)
        assert runs.begin("another", NAME, "carol") == other

    async def test_the_next_run_of_a_group_is_another_one(self, events: Events, runs: RedriveRuns) -> None:
        first = runs.begin(GROUP, NAME, "alice")
        runs.end(first)
        await died(events, 1)
        second = runs.begin(GROUP, NAME, "bob")
        assert (second.by, second.newest) == ("bob", events.dead_letters.newest())
        assert second.id != first.id
        runs.end(first)
        assert runs.begin(GROUP, NAME, "carol") == second

    async def test_what_was_redriven_in_the_run_settles_when_it_is_acknowledged_or_dies(
        self, events: Events, runs: RedriveRuns
    ) -> None:
        log = await died(events, 4)
        letters = list(events.dead_letters.iterate())
        events.dead_letters.redrive(letters[0].id, ChangedBy("before"))
        run = runs.begin(GROUP, NAME, "alice")
        assert runs.unacknowledged(run) == Unacknowledged(0)
        events.dead_letters.redrive(letters[1].id, ChangedBy("alice", run.id))
        events.dead_letters.redrive(letters[2].id, ChangedBy("alice", run.id))
        events.dead_letters.redrive(letters[3].id, ChangedBy("bob", "another"))
        assert runs.unacknowledged(run) == Unacknowledged(2)
        _, one, two, _ = await read(log, 4)
        assert runs.unacknowledged(run) == Unacknowledged(2)
        one.failures = (FAILURES[0], FAILED)
        await log.record([one])
        assert runs.unacknowledged(run) == Unacknowledged(2, (FAILED,))
        await log.dead_letter(one)
        assert runs.unacknowledged(run) == Unacknowledged(1)
        await log.acknowledge([two])
        assert runs.unacknowledged(run) == Unacknowledged(0)

    async def test_a_subscription_of_which_nothing_is_known_has_nothing_to_settle(self, runs: RedriveRuns) -> None:
        run = runs.begin(GROUP, "nobody", "alice")
        assert run == Run(run.id, GROUP, "nobody", run.newest, "alice", run.position)
        assert runs.unacknowledged(run) == Unacknowledged(0)


async def died(events: Events, count: int) -> EventLog:
    """Let so many events die, and return the view of the subscription."""
    log = await opened(events)
    await events.append(*(event(number) for number in range(count)))
    for entry in await read(log, count):
        await log.dead_letter(entry)
    return log
