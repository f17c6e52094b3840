"""Each process works as a user of Redis that may do what its rule says; and the rule has nothing else."""

import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from qontract.adapters.redis.acl import AclUser, grants
from tests.contracts.job_queue_runner import a_job
from tests.support import acl_parts, acl_subscriber, acl_work
from tests.support.acl import CHANNEL, STREAM, Seen, refused, url_of, watching
from tests.support.jobs import final
from tests.support.worker_process import Worker, submitted

pytestmark = pytest.mark.anyio

WORKS: dict[AclUser, Callable[[str, redis.Redis], Awaitable[None]]] = {
    AclUser.API: acl_work.work_as_api,
    AclUser.OPERATOR: acl_work.work_as_operator,
    AclUser.SUBSCRIBER: acl_subscriber.work_as_subscriber,
}


@pytest.fixture
def admin(valkey_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(valkey_url, single_connection_client=True) as client:
        client.script_flush()
        client.acl_log_reset()
        yield client


@pytest.mark.parametrize("process", list(WORKS))
async def test_a_process_does_all_that_it_does_as_its_user_and_needs_all_that_its_rule_has(
    valkey_url: str, admin: redis.Redis, process: AclUser
) -> None:
    work = WORKS[process]
    url = url_of(process, valkey_url)
    with watching(admin) as seen:
        await work(url, admin)
    _was_refused_nothing_and_needed_all(valkey_url, process, seen)


def test_a_worker_runs_jobs_as_its_user_and_needs_all_that_its_rule_has(
    valkey_url: str, admin: redis.Redis, tmp_path: Path
) -> None:
    url, jobs = url_of(AclUser.WORKER, valkey_url), [a_job("a"), a_job("a")]
    for job in jobs:
        acl_parts.queue_at(valkey_url).submit(job)
    with watching(admin) as seen:
        acl_work.work_as_worker(url, admin, *jobs)
    queue, in_worker = submitted(valkey_url)
    _as_if_reserved_by_a_dead_worker(admin)
    with watching(admin) as seen_in_worker, Worker(url, tmp_path).running(ready="", log=tmp_path / "log") as worker:
        final(queue, in_worker, seconds=45)
        worker.terminate()
        assert worker.wait(20) == 0
    seen.commands += seen_in_worker.commands
    _was_refused_nothing_and_needed_all(valkey_url, AclUser.WORKER, seen)


def _as_if_reserved_by_a_dead_worker(admin: redis.Redis) -> None:
    """Let the message of a job be where those are that a worker has, for so long that another takes it."""
    prefix = "qontract:{main}:celery:"
    message: Any = admin.rpop(f"{prefix}jobs")
    admin.hset(f"{prefix}unacked", "tag", json.dumps([json.loads(message), "", "jobs"]))
    admin.zadd(f"{prefix}unacked_index", {"tag": 1})


def _was_refused_nothing_and_needed_all(valkey_url: str, process: AclUser, seen: Seen) -> None:
    assert refused(valkey_url) == []
    granted = grants(process, channel=CHANNEL, stream=STREAM)
    unneeded = granted - seen.grants(granted)
    assert " ".join(f"{grant.command}:{grant.key}" for grant in unneeded) == ""
