"""The job queue on a Redis in which somebody has put what is not ours: jobs end all the same, or fail and say why."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis
from prometheus_client import REGISTRY

from qontract.adapters.celery import CeleryJobQueue
from qontract.domain.jobs import JobStatus
from tests.contracts.job_queue_runner import Runner, a_job, result_of
from tests.support.hostile import ODD_BYTES, other_types
from tests.support.hostile_messages import odd_messages
from tests.support.jobs import PREFIX, Told, children, final, make_queue, worker
from tests.support.waiting import until

ODD_NUMBERS = [b"x", b"-1", b"1.5", b"nan", b"inf", b"-inf", b"1e300", b"9" * 30, b"0x10", *ODD_BYTES.values()]
ODD_NUMBERS.remove(b"5")
SHARED = {
    "job-number": "string",
    "job-signs": "zset",
    "memberships": "hash",
    "celery:jobs": "list",
    "celery:jobs\x06\x163": "list",
    "celery:unacked": "hash",
    "celery:unacked_index": "zset",
    "celery:_kombu.binding.jobs": "set",
}


@pytest.fixture
def client(valkey_url: str) -> Any:
    return redis.Redis.from_url(valkey_url)


@pytest.fixture
def queue(valkey_url: str) -> CeleryJobQueue:
    return make_queue(valkey_url, {"test": Runner()}, lock_seconds=0.4)


def unreadable(store: str) -> float:
    return REGISTRY.get_sample_value("qontract_unreadable_values_total", {"store": store}) or 0.0


def ends(queue: CeleryJobQueue, *locks: str, after: Callable[[str], object] = lambda _: None) -> JobStatus:
    """Submit a job, let something happen to it, and run it as a worker does until it ends; say how."""
    job = a_job(*locks)
    queue.submit(job)
    after(job.id)

    def ended() -> bool:
        queue.resubmit_lost()
        queue.run(job.id)
        return result_of(queue, job).status.final

    until(ended)
    return result_of(queue, job).status


@pytest.mark.parametrize("field", ["due", "turn", "number", "attempts", "run"])
def test_a_number_of_a_job_that_is_none_stops_neither_the_job_nor_those_after_it(
    queue: CeleryJobQueue, client: Any, field: str
) -> None:
    for odd in ODD_NUMBERS:
        status = ends(queue, "a", after=lambda id_: client.hset(f"{PREFIX}job:{id_}", field, odd))  # noqa: B023 - used at once
        assert status is (JobStatus.FAILED if field == "number" else JobStatus.SUCCESS), odd[:50]
        assert ends(queue, "a") is JobStatus.SUCCESS, odd[:50]


@pytest.mark.parametrize("field", ["job", "progress"])
def test_a_record_that_cannot_be_read_is_a_job_that_has_failed(queue: CeleryJobQueue, client: Any, field: str) -> None:
    for odd in ODD_BYTES.values():
        assert ends(queue, "a", after=lambda id_: client.hset(f"{PREFIX}job:{id_}", field, odd)) is JobStatus.FAILED  # noqa: B023


def test_a_record_that_is_no_hash_is_a_job_that_has_failed(queue: CeleryJobQueue, client: Any) -> None:
    for _, (name, key, *values) in other_types("KEY", than="hash"):

        def replace(id_: str) -> None:
            client.delete(f"{PREFIX}job:{id_}")
            client.execute_command(name, f"{PREFIX}job:{id_}", *values)  # noqa: B023 - used at once

        assert ends(queue, "a", after=replace) is JobStatus.FAILED, key


@pytest.mark.parametrize("key", SHARED)
def test_a_key_that_all_jobs_need_is_set_aside_if_it_is_something_else(
    queue: CeleryJobQueue, client: Any, key: str
) -> None:
    before, number = unreadable("keys"), 0
    for kind, command in other_types(f"{PREFIX}{key}", than=SHARED[key]):
        client.delete(f"{PREFIX}{key}")
        client.execute_command(*command)
        queue.resubmit_lost()
        assert ends(queue, "a") is JobStatus.SUCCESS
        assert client.type(f"{PREFIX}set-aside:{key}") == kind.encode()
        number += 1
    assert unreadable("keys") - before == number == 5


def test_a_lock_or_a_mark_that_nobody_of_ours_set_does_not_keep_a_scope_for_ever(
    queue: CeleryJobQueue, client: Any
) -> None:
    for key, odd in [("lock", b"x"), *(("begun", odd) for odd in [b"999999999999999", *ODD_NUMBERS])]:
        client.set(f"{PREFIX}{key}:a", odd)
        assert ends(queue, "a") is JobStatus.SUCCESS, odd[:50]
    for key, kind in {"lock": "string", "begun": "string"}.items():
        for _, command in other_types(f"{PREFIX}{key}:a", than=kind):
            client.delete(f"{PREFIX}{key}:a")
            client.execute_command(*command)
            assert ends(queue, "a") is JobStatus.SUCCESS


def test_who_recovers_a_scope_waits_for_no_lock_without_an_end(queue: CeleryJobQueue, client: Any) -> None:
    client.set(f"{PREFIX}lock:a", "x")
    with queue.locked("a") as free:
        assert free


def test_the_number_of_a_job_is_higher_than_those_before_whatever_becomes_of_the_highest(
    queue: CeleryJobQueue, client: Any
) -> None:
    number = 0
    for odd in [None, *ODD_NUMBERS]:
        client.set(f"{PREFIX}job-number", odd) if odd is not None else client.delete(f"{PREFIX}job-number")
        job = a_job("a")
        queue.submit(job)
        following = int(client.hget(f"{PREFIX}job:{job.id}", "number"))
        assert following >= number, odd  # of two within a millisecond, each after a loss, it is the same
        number = following


def test_the_size_of_a_scope_that_cannot_be_read_is_not_known_and_counted(queue: CeleryJobQueue, client: Any) -> None:
    before = unreadable("memberships")
    for odd in ODD_NUMBERS:
        client.hset(f"{PREFIX}memberships", "a", odd)
        assert ends(queue, "a") is JobStatus.SUCCESS
    assert unreadable("memberships") - before >= len(ODD_NUMBERS) - 2


def test_a_lost_job_is_run_again_whatever_else_stands_among_the_signs_of_life(
    queue: CeleryJobQueue, client: Any
) -> None:
    job = a_job("a")
    queue.submit(job)
    client.delete(f"{PREFIX}celery:jobs")
    client.zadd(f"{PREFIX}job-signs", {job.id: float("inf"), b"\xff\xfe": 0, "unknown": float("-inf"), "list": 1})
    client.lpush(f"{PREFIX}job:list", "x")
    for odd in ODD_BYTES.values():
        client.hset(f"{PREFIX}celery:unacked", odd, odd)
    until(queue.resubmit_lost)
    assert json.loads(client.lindex(f"{PREFIX}celery:jobs", 0))["headers"]["id"] == job.id
    assert client.zrange(f"{PREFIX}job-signs", 0, -1) == [job.id.encode()]


def test_no_hostile_message_ends_a_worker_or_one_of_its_processes_or_keeps_a_job_waiting(
    queue: CeleryJobQueue, client: Any, valkey_url: str, tmp_path: Path
) -> None:
    told = Told(tmp_path)
    with worker(valkey_url) as running:
        jobs = [told.job("a")]
        queue.submit(jobs[0])
        final(queue, jobs[0])
        before = children(running.pid)
        for number, (_, raw) in enumerate(odd_messages("nobody-knows-this-job")):
            client.lpush(f"{PREFIX}celery:jobs", raw)
            if number % 50 == 0:
                jobs.append(told.job("a"))
                queue.submit(jobs[-1])
        for name, odd in ODD_BYTES.items():  # as if a worker had taken it long ago
            client.hset(f"{PREFIX}celery:unacked", name, odd)
            client.zadd(f"{PREFIX}celery:unacked_index", {name: 1})
        assert {final(queue, job, 60).status for job in jobs} == {JobStatus.SUCCESS}
        until(lambda: not client.exists(f"{PREFIX}celery:jobs"))
        until(lambda: not set(ODD_BYTES) & {name.decode() for name in client.hkeys(f"{PREFIX}celery:unacked")})
        assert running.poll() is None
        assert children(running.pid) == before
