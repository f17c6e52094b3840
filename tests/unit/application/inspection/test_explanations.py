"""What became of a subject, a person and a job, in memory."""

from datetime import UTC, datetime

import pytest

from qontract.adapters.memory import (
    InMemoryDeadLetters,
    InMemoryDeliveryStates,
    InMemoryEventSpool,
    InMemoryEventStore,
    InMemoryJobAdmin,
    InMemoryJobQueue,
    InMemoryKeptEvents,
    InMemorySubscriptions,
)
from qontract.application.inspection.event_explanations import EventExplanations, Stores
from qontract.application.inspection.explanations import Explanations
from qontract.application.jobs import JobSlice
from qontract.application.ports.delivery_states import DeliveryStatesError
from qontract.application.ports.job_admin import JobAdminError
from qontract.application.ports.kept_events import KeptEventsError
from qontract.domain.events import DomainEvent
from qontract.domain.explanations import EventExplanation, EventStatus
from qontract.domain.job_views import JobView
from qontract.domain.jobs import Job, JobProgress, JobResult, JobStatus
from qontract.domain.name_history import NameHistory
from tests.support.delivering import FORMAT, publish

JOINS = {"subject": "acme/team-a", "users_to_add": ["alice@example.com"]}
FAILS = {"subject": "acme/team-b", "users_to_add": ["bob@example.com"]}


def done(job: Job, job_slice: JobSlice) -> JobProgress:
    """Apply the first action, and fail at the second; plan nothing for a third subject."""
    errors = ("acme/team-b: bob@example.com has no account", "acme/team-d: no such team")
    result = JobResult(status=JobStatus.FAILED, actions=(JOINS, FAILS), applied_actions=(JOINS,), errors=errors)
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
        events = InMemoryEventStore()
        self.joined = changed("acme/team-a", users_to_add=["alice@example.com"])
        self.left = changed("acme/team-c", users_to_remove=["alice@example.com"])
        publish(events, self.joined, self.left.model_copy(update={"correlation_id": "r-2"}))
        self.queue = InMemoryJobQueue({"slack-usergroups": done})
        self.job = self.submit()
        self.jobs = InMemoryJobAdmin(self.queue)
        self.kept = InMemoryKeptEvents(events, datetime.now(UTC))
        self.states, self.letters = InMemoryDeliveryStates(events), InMemoryDeadLetters(events=events)
        self.spool = InMemoryEventSpool()
        stores = Stores(self.kept, InMemorySubscriptions(events), self.states, self.letters, FORMAT, self.spool)
        self.explanations = Explanations(EventExplanations(stores), self.jobs, most=most)

    def submit(self) -> Job:
        job = Job(integration="slack-usergroups", payload={}, correlation_id="r-1", locks=("a",))
        self.queue.submit(job)
        return job

    def about(self, name: str) -> NameHistory:
        found = self.explanations.about(name)
        assert isinstance(found, NameHistory)
        return found


def test_a_subject_has_its_jobs_and_its_events() -> None:
    history = Deployment().about("acme/team-a")
    assert [note.status for note in history.jobs] == [EventStatus.PUBLISHED]
    assert [(one.explanation.entry, one.places) for one in history.events] == [("1", ())]
    assert (history.scanned, history.more) == (2, False)


def test_of_a_person_it_is_said_where_events_name_them_the_newest_first() -> None:
    history = Deployment().about("alice@example.com")
    assert [one.places for one in history.events] == [("users_to_remove",), ("users_to_add",)]
    assert [note.status for note in history.jobs] == [EventStatus.PUBLISHED]


def test_a_change_that_failed_has_no_event_and_a_job_that_says_why() -> None:
    history = Deployment().about("bob@example.com")
    [note] = history.jobs
    assert (note.status, history.events) == (EventStatus.ACTION_FAILED, ())
    assert "bob@example.com has no account" in note.reason


def test_a_subject_that_only_an_error_names_has_the_job_of_this_error() -> None:
    history = Deployment().about("acme/team-d")
    assert (len(history.jobs), history.events) == (1, ())


def test_a_job_that_is_removed_while_jobs_are_looked_at_is_left_out() -> None:
    deployment = Deployment()
    deployment.jobs.get = lambda job_id: None  # type: ignore[method-assign]
    assert deployment.about("acme/team-a").jobs == ()


def test_an_event_that_waits_in_the_spool_is_found_by_its_id() -> None:
    deployment, event = Deployment(), changed("acme/team-e")
    deployment.spool.append([event])
    found = deployment.explanations.about(event.id)
    assert isinstance(found, EventExplanation)
    assert found.status is EventStatus.SPOOLED_ON


def test_where_jobs_are_not_known_an_event_is_explained_without_its_job() -> None:
    deployment = Deployment()
    deployment.explanations._jobs = None
    found = deployment.explanations.about(deployment.joined.id)
    assert isinstance(found, EventExplanation)
    assert (found.entry, found.job) == ("1", "")


def test_a_job_has_the_events_of_its_request() -> None:
    deployment = Deployment()
    history = deployment.about(deployment.job.id)
    [note] = history.jobs
    assert note.status is EventStatus.ACTION_FAILED
    assert [one.explanation.entry for one in history.events] == ["1"]


def test_an_event_is_found_by_its_id_and_what_nobody_names_is_nothing() -> None:
    deployment = Deployment()
    found = deployment.explanations.about(deployment.left.id)
    assert isinstance(found, EventExplanation)
    assert (found.entry, found.job) == ("2", "")
    found = deployment.explanations.about(deployment.joined.id)
    assert isinstance(found, EventExplanation)
    assert (found.entry, found.job) == ("1", deployment.job.id)
    assert deployment.explanations.about("carol@example.com") is None


def test_a_search_that_stops_says_how_far_it_looked() -> None:
    history = Deployment(most=1).about("alice@example.com")
    assert (len(history.events), history.scanned, history.more) == (1, 1, True)


@pytest.mark.parametrize("method", ["get", "list"])
def test_jobs_that_cannot_be_read_are_named_and_the_events_are_told(method: str) -> None:
    deployment = Deployment()

    def away(*_: object, **__: object) -> None:
        raise JobAdminError("Redis did not answer")

    setattr(deployment.jobs, method, away)
    history = deployment.about("acme/team-a")
    assert (history.jobs, history.missing) == ((), ("jobs: Redis did not answer",))
    assert len(history.events) == 1


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
        deployment.explanations.about(name)
    assert asked == []


def test_with_a_source_only_an_event_is_meant() -> None:
    deployment = Deployment()
    assert deployment.explanations.about("acme/team-a", "qontract-api") is None
    found = deployment.explanations.about(deployment.joined.id, "qontract-api")
    assert isinstance(found, EventExplanation)
    assert (found.entry, found.job) == ("1", deployment.job.id)


def test_an_event_is_explained_while_jobs_cannot_be_read_and_that_is_said() -> None:
    deployment = Deployment()

    def away(**_: object) -> list[JobView]:
        raise JobAdminError("Redis did not answer")

    deployment.jobs.list = away  # type: ignore[method-assign]
    found = deployment.explanations.about(deployment.joined.id)
    assert isinstance(found, EventExplanation)
    assert (found.entry, found.job, found.missing) == ("1", "", ("jobs: Redis did not answer",))


def test_of_many_jobs_that_planned_something_for_a_subject_the_newest_five_are_told() -> None:
    deployment = Deployment()
    ids = [deployment.submit().id for _ in range(6)]
    assert [note.view.id for note in deployment.about("acme/team-a").jobs] == ids[:0:-1]


def test_an_event_is_found_by_its_id_also_while_the_record_of_ids_cannot_be_read() -> None:
    deployment = Deployment()
    deployment.states.fail("entry_of", DeliveryStatesError("away"))
    found = deployment.explanations.about(deployment.left.id)
    assert isinstance(found, EventExplanation)
    assert found.entry == "2"
