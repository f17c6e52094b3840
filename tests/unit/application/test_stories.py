"""What became of a subject, a person and a job, in memory."""

from datetime import UTC, datetime

import pytest

from qontract.adapters.memory import (
    InMemoryDeadLetters,
    InMemoryDeliveryStates,
    InMemoryEvents,
    InMemoryJobQueue,
    InMemoryKeptEvents,
    InMemoryKeptJobs,
    InMemorySubscriptions,
)
from qontract.application.jobs import Turn
from qontract.application.ports.kept_events import KeptEventsError
from qontract.application.ports.kept_jobs import KeptJobsError
from qontract.application.stories import Stories
from qontract.application.why import Stores, Why
from qontract.domain.events import DomainEvent
from qontract.domain.jobs import Job, JobProgress, JobResult, JobStatus
from qontract.domain.passport import Fate, Passport
from qontract.domain.stories import Story
from tests.support.delivering import FORMAT, publish

JOINS = {"subject": "acme/team-a", "users_to_add": ["alice@example.com"]}
FAILS = {"subject": "acme/team-b", "users_to_add": ["bob@example.com"]}


def done(job: Job, turn: Turn) -> JobProgress:
    """Apply the first action, and fail at the second."""
    error = "acme/team-b: bob@example.com has no account"
    result = JobResult(status=JobStatus.FAILED, actions=(JOINS, FAILS), applied_actions=(JOINS,), errors=(error,))
    return JobProgress(result=result)


def changed(subject: str, **data: list[str]) -> DomainEvent:
    return DomainEvent(
        type="qontract-api.slack-usergroups.update_users",
        subject=subject,
        data=dict(data),
        source="qontract-api",
        correlation_id="r-1",
    )


class Deployment:
    """A job that was half done, its event, and an event of somebody else."""

    def __init__(self, *, most: int = 100) -> None:
        events = InMemoryEvents()
        self.joined = changed("acme/team-a", users_to_add=["alice@example.com"])
        self.left = changed("acme/team-c", users_to_remove=["alice@example.com"])
        publish(events, self.joined, self.left.model_copy(update={"correlation_id": "r-2"}))
        queue = InMemoryJobQueue({"slack-usergroups": done})
        self.job = Job(integration="slack-usergroups", payload={}, correlation_id="r-1", locks=("a",))
        queue.submit(self.job)
        self.jobs = InMemoryKeptJobs(queue)
        self.kept = InMemoryKeptEvents(events, datetime.now(UTC))
        self.states, self.letters = InMemoryDeliveryStates(events), InMemoryDeadLetters(events=events)
        stores = Stores(self.kept, InMemorySubscriptions(events), self.states, self.letters, FORMAT)
        self.stories = Stories(Why(stores), self.jobs, most=most)

    def about(self, name: str) -> Story:
        found = self.stories.about(name)
        assert isinstance(found, Story)
        return found


def test_a_subject_has_its_jobs_and_its_events() -> None:
    story = Deployment().about("acme/team-a")
    assert [note.fate for note in story.jobs] == [Fate.PUBLISHED]
    assert [(one.passport.entry, one.places) for one in story.events] == [("1", ())]
    assert (story.looked_at, story.more) == (2, False)


def test_of_a_person_it_is_said_where_events_name_them_the_newest_first() -> None:
    story = Deployment().about("alice@example.com")
    assert [one.places for one in story.events] == [("users_to_remove",), ("users_to_add",)]
    assert [note.fate for note in story.jobs] == [Fate.PUBLISHED]


def test_a_change_that_failed_has_no_event_and_a_job_that_says_why() -> None:
    story = Deployment().about("bob@example.com")
    [note] = story.jobs
    assert (note.fate, story.events) == (Fate.ACTION_FAILED, ())
    assert "bob@example.com has no account" in note.reason


def test_a_job_has_the_events_of_its_request() -> None:
    deployment = Deployment()
    story = deployment.about(deployment.job.id)
    [note] = story.jobs
    assert note.fate is Fate.ACTION_FAILED
    assert [one.passport.entry for one in story.events] == ["1"]


def test_an_event_is_found_by_its_id_and_what_nobody_names_is_nothing() -> None:
    deployment = Deployment()
    found = deployment.stories.about(deployment.left.id)
    assert isinstance(found, Passport)
    assert (found.entry, found.job) == ("2", "")
    found = deployment.stories.about(deployment.joined.id)
    assert isinstance(found, Passport)
    assert (found.entry, found.job) == ("1", deployment.job.id)
    assert deployment.stories.about("carol@example.com") is None


def test_a_search_that_stops_says_how_far_it_looked() -> None:
    story = Deployment(most=1).about("alice@example.com")
    assert (len(story.events), story.looked_at, story.more) == (1, 1, True)


@pytest.mark.parametrize("method", ["get", "list"])
def test_jobs_that_cannot_be_read_are_named_and_the_events_are_told(method: str) -> None:
    deployment = Deployment()

    def away(*_: object, **__: object) -> None:
        raise KeptJobsError("Redis did not answer")

    setattr(deployment.jobs, method, away)
    story = deployment.about("acme/team-a")
    assert (story.jobs, story.missing) == ((), ("jobs: Redis did not answer",))
    assert len(story.events) == 1


@pytest.mark.parametrize("name", ["1", "an-id", "acme/team-a", "alice@example.com"])
def test_if_the_events_cannot_be_reached_nothing_else_is_asked(name: str) -> None:
    deployment = Deployment()
    asked: list[str] = []

    def away(*_: object) -> None:
        raise KeptEventsError("Redis did not answer")

    for store, method in ((deployment.jobs, "get"), (deployment.states, "entry_of")):
        setattr(store, method, asked.append)
    deployment.kept.page = away  # type: ignore[method-assign,assignment]
    with pytest.raises(KeptEventsError):
        deployment.stories.about(name)
    assert asked == []
