"""Traces of real processes, as a collector gets them."""

import json
import re
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import redis

from qontract.domain.jobs import JobStatus
from tests.support.api_process import PATH, running_api, token
from tests.support.collector import Collected, Collector, running_collector
from tests.support.slack_sandbox import Sandbox
from tests.support.subscriber_process import Site
from tests.support.waiting import until
from tests.support.worker_process import SECRET, Worker, run_to_its_end

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TOKEN = "xoxb-sandbox-coreos"
DESIRED = {
    "workspaces": [{"name": "coreos", "usergroups": [{"handle": "team-a", "users": ["bob"]}]}],
    "dry_run": False,
    "reason": "she left",
}
UPDATED = "qontract-api.slack-usergroups.update_users"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with running_collector() as collector:
        yield collector


def sending_to(collector: Collector, **more: str) -> dict[str, str]:
    """Return the settings of processes that hand over their spans at their end only, so that this is seen."""
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "60000", **more}


def below(spans: list[Collected], parent: str | None) -> dict[str, Any]:
    """Return the spans below this one, by service and name, each with those below it."""
    return {
        f"{span.service.removeprefix('qontract-')}: {span.name}": below(spans, span.span_id)
        for span in spans
        if span.parent == parent
    }


def test_one_trace_goes_through_the_api_the_worker_and_the_subscriber_and_each_hands_it_over_before_it_ends(
    valkey_url: str, slack_sandbox: Sandbox, collector: Collector, tmp_path: Path
) -> None:
    traces = sending_to(collector)
    slack = {"QAPI_SLACK__API_URL": slack_sandbox.url, "QAPI_SLACK__TOKENS": json.dumps({"coreos": TOKEN})}
    worker = Worker(valkey_url, tmp_path, **slack, **traces, QAPI_WORKER__CONCURRENCY="1")
    site = Site(tmp_path, {"QAPI_CACHE_BROKER_URL": valkey_url, **traces})
    log, audit = tmp_path / "worker.log", tmp_path / "audit.jsonl"
    with ExitStack() as stack:
        client, api = stack.enter_context(
            running_api(valkey_url, tmp_path / "api.log", QAPI_AUTH__SECRET=SECRET, **traces)
        )
        run = stack.enter_context(worker.running(log=log))
        subscriber = stack.enter_context(site.subscriber())
        headers = token("reconcile:apply", secret=SECRET) | {"traceparent": f"00-{TRACE}-{SPAN}-01"}
        accepted = client.post(PATH, json=DESIRED, headers=headers)
        assert accepted.status_code == 202, accepted.text
        until(lambda: audit.exists() and UPDATED in audit.read_text())
        for process in (api, run, subscriber.process):
            process.send_signal(signal.SIGTERM)
        assert [process.wait(20) for process in (api, run, subscriber.process)] == [0, 0, 0]
    spans = [span for span in collector.spans if span.trace_id == TRACE]
    made = below(spans, SPAN)
    calls: dict[str, Any] = {
        f"worker: POST /api/{method}": {} for method in ("users.list", "conversations.list", "usergroups.list")
    }
    assert made == {
        f"api: POST {PATH}": {
            "api: send jobs": {
                "worker: process jobs": {
                    "worker: read": calls,
                    "worker: apply update_users": {
                        f"worker: CloudEvents Create {UPDATED}": {f"subscriber: CloudEvents Process {UPDATED}": {}},
                        "worker: POST /api/usergroups.users.update": {},
                        "worker: send qontract:{main}:events": {},
                    },
                }
            }
        }
    }
    _has_no_secret_and_no_data(collector)
    with redis.Redis.from_url(valkey_url) as client_of_redis:
        [(_, fields)] = client_of_redis.xrange("qontract:{main}:events")
    created = next(span for span in spans if span.name.startswith("CloudEvents Create"))
    assert json.loads(fields[b"__data__"])["traceparent"].startswith(f"00-{TRACE}-{created.span_id}-")
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    ended = next(line for line in lines if line["event"] == "job ended")
    assert (ended["trace_id"], ended["job_id"]) == (TRACE, accepted.json()["id"])


def _has_no_secret_and_no_data(collector: Collector) -> None:
    everything = b"".join(collector.bodies)
    assert b"coreos/team-a" in everything
    for secret in (TOKEN, SECRET, "she left", "bob", "U2"):
        assert secret.encode() not in everything


def test_a_collector_that_does_not_answer_breaks_no_job_holds_up_no_end_and_what_is_lost_is_counted(
    valkey_url: str, collector: Collector, tmp_path: Path
) -> None:
    collector.silent = True
    quickly = {"OTEL_BSP_SCHEDULE_DELAY": "10", "OTEL_EXPORTER_OTLP_TIMEOUT": "0.5"}
    worker = Worker(valkey_url, tmp_path, **sending_to(collector) | quickly)

    def lost() -> float:
        page = worker.get("/metrics").text
        return sum(float(count) for count in re.findall(r"^qontract_spans_lost_total (\S+)$", page, re.MULTILINE))

    with worker.running(log=tmp_path / "log") as running:
        for _ in range(3):
            result = run_to_its_end(valkey_url)
            assert result.status is JobStatus.FAILED
            assert "no token for the workspace" in result.errors[0]
        until(lambda: lost() >= 3)
        running.send_signal(signal.SIGTERM)
        assert running.wait(20) == 0
