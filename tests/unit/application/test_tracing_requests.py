"""What is recorded of requests: those that come, and those that go to outside systems."""

from collections.abc import Iterator

import pytest

from qontract.adapters.memory import InMemoryTracer
from qontract.application import tracing
from qontract.application.ports.tracer import Kind
from tests.support.traces import recording


@pytest.fixture
def tracer() -> Iterator[InMemoryTracer]:
    with recording() as tracer:
        yield tracer


@pytest.mark.parametrize(
    ("status", "error"), [(200, None), (404, None), (500, "500"), (503, "503"), (0, "no answer")], ids=str
)
def test_a_request_has_its_route_and_status_and_only_an_error_of_the_server_is_one(
    tracer: InMemoryTracer, status: int, error: str | None
) -> None:
    with tracing.request("GET", "/api/v1/events/7", "http", None):
        tracing.request_ended("GET", "/api/v1/events/{id}", status)
    [span] = tracer.spans
    assert (span.name, span.kind, span.error) == ("GET /api/v1/events/{id}", Kind.SERVER, error)
    assert span.attributes.get("http.response.status_code") == (status or None)


@pytest.mark.parametrize(("status", "error"), [(200, None), (399, None), (400, "400"), (500, "500")], ids=str)
def test_a_request_to_an_outside_system_has_where_it_went_and_any_error_is_one(
    tracer: InMemoryTracer, status: int, error: str | None
) -> None:
    with tracing.calling("PUT", "/orgs/{}/teams/{}"):
        tracing.record_url("https://alice:hush@api.github.com/orgs/acme/teams/a?token=hush")
        tracing.call_ended(status)
    [span] = tracer.spans
    assert (span.kind, span.error) == (Kind.CLIENT, error)
    assert span.attributes["server.address"] == "api.github.com"
    assert (span.attributes["server.port"], span.attributes["http.response.status_code"]) == (443, status)
    assert span.attributes["url.full"] == "https://api.github.com/orgs/acme/teams/a"
    assert "hush" not in repr(span)


def test_a_port_that_is_named_is_that_of_the_span(tracer: InMemoryTracer) -> None:
    with tracing.calling("GET", "/x"):
        tracing.record_url("http://127.0.0.1:8083/x")
    assert tracer.spans[0].attributes["url.full"] == "http://127.0.0.1:8083/x"
    assert tracer.spans[0].attributes["server.port"] == 8083


@pytest.mark.parametrize(("failed", "error"), [(True, "blocked"), (False, None)])
def test_the_span_of_a_slice_has_the_status_of_its_job(tracer: InMemoryTracer, failed: bool, error: str | None) -> None:
    with tracing.submitting("slack-usergroups"):
        tracing.job_ended("blocked", failed=failed)
    assert (tracer.spans[0].attributes["qontract.job.status"], tracer.spans[0].error) == ("blocked", error)


def test_what_fails_without_an_exception_has_the_class_of_its_error(tracer: InMemoryTracer) -> None:
    with tracing.reading("slack-usergroups", "coreos"):
        tracing.fail("RateLimitedError")
    assert tracer.spans[0].error == "RateLimitedError"
    tracing.close()


def test_without_a_tracer_nothing_is_recorded_and_nothing_is_raised() -> None:
    with tracing.request("GET", "/x", "http", None), tracing.calling("GET", "/x"):
        tracing.request_ended("GET", "/x", 500)
        tracing.record_url("http://127.0.0.1/x")
        tracing.call_ended(500)
        tracing.job_ended("failed", failed=True)
        tracing.fail("RuntimeError")
    tracing.close()
    assert not tracing.enabled()
