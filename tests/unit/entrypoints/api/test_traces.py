"""What is recorded of requests, up to the attempts of the handlers that get their events."""

from functools import partial

import anyio
import httpx
import pytest

from qontract.adapters.memory import InMemoryEventPublisher, InMemoryJobQueue
from qontract.application.event_manager import EventManager
from qontract.application.ports.event_handler import Delivery, EventHandler
from qontract.application.ports.tracer import Kind
from qontract.application.reconcile import reconcile
from qontract.domain.events import DomainEvent
from qontract.testing import deliver
from tests.support.api_in_memory import api_in_memory
from tests.support.traces import recording, tree
from tests.unit.entrypoints.api.conftest import APPLIES, DESIRED, PATH, PLANS, SLACK, client_of, coreos

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CREATED = "qontract-api.slack-usergroups.create"


class Notifier(EventHandler):
    types = ("qontract-api.*",)

    async def handle(self, event: DomainEvent, delivery: Delivery) -> None:
        await delivery.publish(DomainEvent(type="acme.notified", subject=event.subject))


def test_one_trace_goes_from_the_callers_request_to_each_attempt_of_a_handler() -> None:
    publisher = InMemoryEventPublisher()
    runner = partial(reconcile, integration=coreos(), events=EventManager(publisher))
    queue = InMemoryJobQueue({"slack-usergroups": runner}, hold=True)
    app = api_in_memory(queue, SLACK, {}, {})

    async def post() -> httpx.Response:
        headers = APPLIES | {"traceparent": f"00-{TRACE}-{SPAN}-01"}
        async with client_of(app) as client:
            return await client.post(PATH, json=DESIRED | {"dry_run": False}, headers=headers)

    with recording() as tracer:
        job_id = anyio.run(post).json()["id"]
        queue.run(job_id)
        deliver(Notifier(), *publisher.events)
    spans = [span for span in tracer.spans if span.trace_id == TRACE]
    attempt = [f"CloudEvents Process {CREATED}", ["CloudEvents Create acme.notified", "send memory"]]
    action = ["apply create", [f"CloudEvents Create {CREATED}", attempt, "send memory"]]
    slice_ = ["process jobs", ["read", *action]]
    assert tree(spans, SPAN) == [f"POST {PATH}", ["send jobs", slice_]]
    by_name = {span.name: span for span in spans}
    sent, run = by_name["send jobs"], by_name["process jobs"]
    assert (sent.kind, run.kind, run.links) == (Kind.PRODUCER, Kind.CONSUMER, (sent.span_id,))
    assert run.attributes.items() >= {"qontract.job.id": job_id, "qontract.job.status": "success"}.items()


def test_the_span_of_a_request_has_its_route_and_status_and_neither_query_nor_token(
    queue: InMemoryJobQueue,
) -> None:
    app = api_in_memory(queue, SLACK, {}, {})
    job_id = "0" * 8 + "-0000-0000-0000-" + "0" * 12

    async def get() -> None:
        async with client_of(app) as client:
            await client.get(f"{PATH}/{job_id}?timeout=0&token=s3cret", headers=PLANS)

    with recording() as tracer:
        anyio.run(get)
    [span] = tracer.spans
    assert (span.name, span.kind, span.error) == (f"GET {PATH}/{{job_id}}", Kind.SERVER, None)
    assert span.attributes == {
        "http.request.method": "GET",
        "http.response.status_code": 404,
        "http.route": f"{PATH}/{{job_id}}",
        "url.path": f"{PATH}/{job_id}",
        "url.scheme": "http",
    }
    assert "s3cret" not in repr(tracer.spans)
    assert PLANS["authorization"].split()[1] not in repr(tracer.spans)


def test_a_request_that_ends_in_an_error_of_ours_is_a_span_that_failed() -> None:
    class Broken(InMemoryJobQueue):
        def submit(self, job: object) -> None:
            raise RuntimeError("s3cret")

    app = api_in_memory(Broken({}), SLACK, {}, {})

    async def post() -> httpx.Response:
        async with client_of(app) as client:
            return await client.post(PATH, json=DESIRED, headers=PLANS)

    with recording() as tracer:
        assert anyio.run(post).status_code == 500
    assert {span.name: span.error for span in tracer.spans} == {f"POST {PATH}": "500", "send jobs": "RuntimeError"}
    assert "s3cret" not in repr(tracer.spans)


@pytest.mark.parametrize("path", ["/health/live", "/metrics", "/docs"])
def test_probes_metrics_and_pages_are_no_spans(queue: InMemoryJobQueue, path: str) -> None:
    app = api_in_memory(queue, SLACK, {}, {})

    async def get() -> None:
        async with client_of(app) as client:
            await client.get(path)

    with recording() as tracer:
        anyio.run(get)
    assert tracer.spans == []
