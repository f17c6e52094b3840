"""The recovery process of a worker."""

import json
import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis

from qontract.adapters.redis import RedisBroker, RedisIntents
from qontract.adapters.sqlite import SqliteEventSpool
from qontract.domain.slack_usergroups import UpdateMetadata, UpdateUsers
from tests.support.slack_events import applied
from tests.support.slack_sandbox import Sandbox
from tests.support.waiting import until
from tests.support.worker_process import Worker, recovering

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")

OVERRIDDEN = """
import os, pathlib, threading, time
from dependency_injector import providers
from qontract.entrypoints.container import Container
from qontract.entrypoints.worker import create_app, main
container = Container()
def recover():
    path = pathlib.Path(os.environ["RECOVERED"])
    threads = [thread.name for thread in threading.enumerate() if thread.name != "process-registry"]
    path.write_text(f"{os.getpid()} {len(threads)} {len(container.guards().protected)}")
    time.sleep(float(os.environ.get("RECOVERS_FOR", "0")))
container.recovery.override(providers.Object(recover))
main(create_app(container))
"""


def test_at_its_start_it_publishes_what_is_spooled_and_resolves_what_dead_workers_left_pending(
    valkey_url: str, slack_sandbox: Sandbox, tmp_path: Path
) -> None:
    past = datetime.now(UTC) - timedelta(minutes=10)
    of = {"workspace": "coreos", "usergroup": "team-a", "usergroup_id": "S1"}
    users = of | {"users": ("alice", "carol"), "users_to_add": (), "users_to_remove": ()}
    done, not_done, spooled = (
        applied(action).model_copy(update={"time": past})
        for action in (
            UpdateUsers.model_validate(users | {"user_ids": ("U1", "U3")}),
            UpdateUsers.model_validate(users | {"user_ids": ("U1", "U2")}),
            UpdateMetadata.model_validate(of | {"description": "new", "channels": (), "channel_ids": ()}),
        )
    )
    spool = SqliteEventSpool(tmp_path / "spool", max_bytes=10_000_000)
    spool.append([spooled])
    with RedisBroker(valkey_url) as broker, redis.Redis.from_url(valkey_url) as client:
        intents = RedisIntents(broker, channel="main", source="qontract-api")
        for event in (done, not_done):
            intents.record("slack-usergroups/coreos", event)

        def published() -> list[str]:
            return [json.loads(fields[b"__data__"])["id"] for _, fields in client.xrange("qontract:{main}:events")]

        worker = Worker(
            valkey_url,
            tmp_path,
            QAPI_SLACK__API_URL=slack_sandbox.url,
            QAPI_SLACK__TOKENS=json.dumps({"coreos": "xoxb-sandbox-coreos"}),
            QAPI_EVENTS__SPOOL=str(tmp_path / "spool"),
        )
        with worker.running():
            until(lambda: published() == [spooled.id, done.id])
            until(lambda: not intents.pending())
            until(lambda: "qontract_intents_pending 0.0" in worker.get("/metrics").text)
            metrics = worker.get("/metrics").text
    assert "qontract_events_republished_total 1.0" in metrics
    assert "qontract_spool_events 0.0" in metrics
    assert spool.oldest(9) == []


def test_the_recovery_process_uses_the_container_that_the_worker_was_given_and_has_no_thread_of_it(
    valkey_url: str, tmp_path: Path
) -> None:
    recovered = tmp_path / "recovered"
    worker = Worker(
        valkey_url, tmp_path, RECOVERED=str(recovered), QAPI_GUARDS__PROTECTED='{"slack-usergroups": ["ann"]}'
    )
    with worker.running("-c", OVERRIDDEN) as process:
        until(recovered.exists)
        until(lambda: bool(recovered.read_text()))
        (recovers,) = recovering(process.pid)
        assert recovered.read_text() == f"{recovers} 1 1"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_recovery_process_that_dies_is_started_again_and_ends_with_its_worker(
    valkey_url: str, tmp_path: Path, number: signal.Signals
) -> None:
    worker, log = Worker(valkey_url, tmp_path), tmp_path / "log"
    with worker.running(log=log) as process:
        until(lambda: len(recovering(process.pid)) == 1)
        (first,) = recovering(process.pid)
        os.kill(first, signal.SIGKILL)
        until(lambda: len(recovering(process.pid) - {first}) == 1)
        (second,) = recovering(process.pid) - {first}
        process.send_signal(number)
        process.wait(20)
        until(lambda: not Path(f"/proc/{second}").exists())
    assert log.read_text().count("recovery process ended; it is started again") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_clean_stop_of_all_its_processes_at_once_does_not_say_that_recovery_ended(
    valkey_url: str, tmp_path: Path, number: signal.Signals
) -> None:
    worker = Worker(valkey_url, tmp_path)
    with worker.running() as process:
        until(lambda: len(recovering(process.pid)) == 1)
        for one in (*recovering(process.pid), process.pid):
            os.kill(one, number)
        said = process.communicate(timeout=20)[0]
    assert process.returncode == (0 if number is signal.SIGTERM else 1)  # Celery's own
    assert "recovery" not in said


def test_the_recovery_process_does_not_keep_the_port_of_the_worker(valkey_url: str, tmp_path: Path) -> None:
    worker = Worker(valkey_url, tmp_path)
    with worker.running() as process:
        until(lambda: len(recovering(process.pid)) == 1)
        (recovers,) = recovering(process.pid)
        inodes = {line.split()[9] for line in Path("/proc/net/tcp").read_text().splitlines()[1:] if " 0A " in line}
        sockets = {str(fd.readlink()) for fd in Path(f"/proc/{recovers}/fd").iterdir()}
    assert not sockets & {f"socket:[{inode}]" for inode in inodes}


def test_a_recovery_process_in_the_midst_of_its_work_ends_with_its_worker(valkey_url: str, tmp_path: Path) -> None:
    recovered = tmp_path / "recovered"
    worker = Worker(valkey_url, tmp_path, RECOVERED=str(recovered), RECOVERS_FOR="600")
    with worker.running("-c", OVERRIDDEN) as process:
        until(recovered.exists)
        (recovers,) = recovering(process.pid)
        process.kill()
        until(lambda: not Path(f"/proc/{recovers}").exists())
