"""What is recorded of a job, its events and the attempts of handlers."""

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from qontract.adapters.memory import (
    InMemoryEventPublisher,
    InMemoryEventSpool,
    InMemoryIntents,
    InMemorySlackUsergroups,
    InMemoryTracer,
)
from qontract.application import tracing
from qontract.application.event_manager import EventManager
from qontract.application.pending_intents import recover
from qontract.application.ports.event_handler import Delivery, EventHandler, Policy, RetryLater
from qontract.application.ports.event_publisher import EventPublisherError
from qontract.application.ports.integration import IntegrationError
from qontract.application.ports.tracer import Kind
from qontract.domain.events import DomainEvent
from qontract.domain.slack_workspace import SlackUser, SlackUsergroup, SlackWorkspace
from qontract.testing import InMemorySubscriber, deliver
from qontract.testing.reconciling import reconcile
from tests.support.traces import recording, tree

DESIRED = {
    "workspaces": [
        {
            "name": "coreos",
            "usergroups": [{"handle": "team-a", "users": ["alice"]}, {"handle": "team-b", "users": ["alice"]}],
        }
    ]
}
CREATED, PROCESSED = (
    f"CloudEvents {what} qontract-api.slack-usergroups.update_users" for what in ("Create", "Process")
)
HAPPENED = DomainEvent(type="acme.happened", id="e-1", subject="here", source="acme", data={"password": "s3cret"})


@pytest.fixture
def tracer() -> Iterator[InMemoryTracer]:
    with recording() as tracer:
        yield tracer


def workspace() -> SlackWorkspace:
    users = (SlackUser(id="U1", name="alice"), SlackUser(id="U2", name="bob"))
    teams = (SlackUsergroup(id="S1", handle="team-a", user_ids=("U2",)),)
    return SlackWorkspace(name="coreos", users=users, usergroups=(*teams, SlackUsergroup(id="S2", handle="team-b")))


class Seen(EventHandler):
    policy = Policy(max_attempts=2)

    async def handle(self, event: DomainEvent, delivery: Delivery) -> None:
        await delivery.publish(DomainEvent(type="acme.seen", subject=event.subject))


class Failing(EventHandler):
    policy = Policy(max_attempts=2)

    async def handle(self, event: DomainEvent, delivery: Delivery) -> None:
        logging.getLogger("theirs").info("at work")
        raise RuntimeError("s3cret")


def test_each_action_is_a_span_with_the_creation_of_its_event_and_the_sending_and_an_attempt_goes_on_from_there(
    tracer: InMemoryTracer,
) -> None:
    publisher = InMemoryEventPublisher()
    reconcile(InMemorySlackUsergroups(workspace()), DESIRED, events=EventManager(publisher))
    action = ["apply update_users", [CREATED, "send memory"]]
    assert tree(tracer.spans) == ["read", *action, *action]
    deliver(Failing(), *publisher.events)
    created = [span for span in tracer.spans if span.name == CREATED]
    attempts = [span for span in tracer.spans if span.name == PROCESSED]
    assert [event.extensions["traceparent"] for event in publisher.events] == [span.traceparent for span in created]
    for span, event in zip(created, publisher.events, strict=True):
        mine = [attempt for attempt in attempts if attempt.attributes["cloudevents.event_id"] == event.id]
        assert [attempt.attributes["qontract.attempt"] for attempt in mine] == [1, 2]
        assert {attempt.kind for attempt in mine} == {Kind.CONSUMER}
        assert {(attempt.parent, attempt.links) for attempt in mine} == {(span.span_id, (span.span_id,))}
        assert {attempt.error for attempt in mine} == {"RuntimeError"}
        assert {attempt.trace_id for attempt in mine} == {span.trace_id}


def test_a_span_names_what_it_is_about_and_has_no_data(tracer: InMemoryTracer) -> None:
    deliver(Failing(), HAPPENED)
    assert len(tracer.spans) == 3  # it is also sent
    attempt = tracer.spans[1]
    assert attempt.attributes == {
        "messaging.system": "redis",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.subscription.name": "subscription",
        "cloudevents.event_id": "e-1",
        "cloudevents.event_source": "acme",
        "cloudevents.event_type": "acme.happened",
        "cloudevents.event_subject": "here",
        "qontract.attempt": 1,
        "qontract.subscription": "subscription",
    }
    assert "s3cret" not in repr(tracer.spans)


def test_a_follow_up_event_goes_on_where_its_handler_is_and_one_that_names_a_span_keeps_it(
    tracer: InMemoryTracer,
) -> None:
    named = f"00-{'a' * 32}-{'b' * 16}-01"
    outcome = deliver(Seen(), HAPPENED.model_copy(update={"extensions": {"traceparent": named}}))
    first = outcome.published[0]
    attempts = [span for span in tracer.spans if span.kind is Kind.CONSUMER]
    assert (attempts[0].trace_id, attempts[0].parent, attempts[0].links) == ("a" * 32, "b" * 16, ("b" * 16,))
    created = next(span for span in tracer.spans if span.name == "CloudEvents Create acme.seen")
    assert (created.parent, first.extensions["traceparent"]) == (attempts[0].span_id, created.traceparent)
    assert attempts[1].parent == created.span_id  # it gets its own events too
    assert {span.trace_id for span in tracer.spans if span.kind in {Kind.CONSUMER, Kind.PRODUCER}} == {"a" * 32}


def test_an_attempt_that_is_to_be_made_later_has_not_failed(tracer: InMemoryTracer) -> None:
    class Later(EventHandler):
        async def handle(self, event: DomainEvent, delivery: Delivery) -> None:
            if len([span for span in tracer.spans if span.kind is Kind.CONSUMER]) == 0:
                raise RetryLater(60)

    deliver(Later(), HAPPENED)
    attempts = [span for span in tracer.spans if span.kind is Kind.CONSUMER]
    assert [span.error for span in attempts] == [None, None]


def test_an_action_that_is_not_applied_is_a_span_that_failed(tracer: InMemoryTracer) -> None:
    class Refusing(InMemorySlackUsergroups):
        def apply(self, action: Any) -> None:
            raise IntegrationError("Slack refused it")

    reconcile(Refusing(workspace()), DESIRED)
    assert [span.error for span in tracer.spans if span.name.startswith("apply")] == ["not_applied"] * 2


def test_an_event_that_is_spooled_or_pending_is_still_of_the_trace_that_made_it(tracer: InMemoryTracer) -> None:
    publisher, spool = InMemoryEventPublisher(), InMemoryEventSpool()
    intents = InMemoryIntents(publisher)
    events = EventManager(publisher, spool=spool, intents=intents)
    publisher.fail("publish", EventPublisherError("away"))
    with tracer.span("action", Kind.INTERNAL, {}):
        events.publish_event(HAPPENED)
    events.flush()
    created = next(span for span in tracer.spans if span.kind is Kind.PRODUCER)
    assert publisher.events[0].extensions["traceparent"] == created.traceparent
    sent = tracer.spans[-1]
    assert (sent.name, sent.links, sent.parent) == ("send memory", (created.span_id,), None)


def test_a_recovery_is_a_span_and_the_event_keeps_the_trace_of_the_run_that_died(tracer: InMemoryTracer) -> None:
    publisher = InMemoryEventPublisher()
    events = EventManager(publisher, spool=InMemoryEventSpool(), intents=InMemoryIntents(publisher))

    class Killed(BaseException):
        pass

    class Dying(InMemorySlackUsergroups):
        def apply(self, action: Any) -> None:
            super().apply(action)
            raise Killed

    slack = Dying(workspace())
    with pytest.raises(Killed):
        reconcile(slack, DESIRED, events=events)
    created = next(span for span in tracer.spans if span.kind is Kind.PRODUCER)
    recover("slack-usergroups/coreos", integration=slack, events=events)
    assert [event.extensions["traceparent"] for event in publisher.events] == [created.traceparent]
    assert tree(tracer.spans)[-2:] == ["resolve intents", ["send memory"]]


def test_what_others_write_is_cut_in_a_span(tracer: InMemoryTracer) -> None:
    deliver(Failing(), HAPPENED.model_copy(update={"subject": "x" * 100_000, "type": "y" * 100_000}))
    assert all(len(str(value)) <= 1000 for span in tracer.spans for value in span.attributes.values())
    assert all(len(span.name) <= 1000 for span in tracer.spans)


@pytest.mark.parametrize("given", [5, True, "", "nonsense"])
def test_a_traceparent_that_is_none_begins_a_trace(tracer: InMemoryTracer, given: str | int) -> None:
    deliver(Failing(), HAPPENED.model_copy(update={"extensions": {"traceparent": given}}))
    assert {(span.parent, span.links) for span in tracer.spans if span.kind is Kind.CONSUMER} == {(None, ())}


def test_without_a_tracer_no_event_has_a_traceparent_and_no_job() -> None:
    publisher = InMemoryEventPublisher()
    reconcile(InMemorySlackUsergroups(workspace()), DESIRED, events=EventManager(publisher))
    with InMemorySubscriber({"seen": Seen()}) as subscriber:
        followed = subscriber.deliver(HAPPENED).published
    assert len(publisher.events) == 2
    assert [event for event in (*publisher.events, *followed) if "traceparent" in event.extensions] == []
    assert tracing.traceparent() is None


def test_a_task_that_is_cancelled_leaves_no_span_behind(tracer: InMemoryTracer) -> None:
    async def work() -> None:
        with tracing.attempt("one", HAPPENED, 1):
            await asyncio.sleep(1000)

    async def scenario() -> None:
        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})

    asyncio.run(scenario())
    assert [span.error for span in tracer.spans] == ["CancelledError"]
