"""The jobs in Redis, as somebody looks at them: also what was not written by us."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from qontract.adapters.celery import CeleryJobQueue
from qontract.adapters.celery.job_ledger import JobLedger
from qontract.adapters.celery.record_signing import RecordSigner
from qontract.application.jobs import JobSlice, Runners, Unfinished
from qontract.application.ports.job_admin import JobAdmin, JobAdminError
from qontract.domain.job_views import CancelOutcome
from qontract.domain.jobs import Job, JobProgress, JobStatus
from tests.contracts.job_admin import JobAdminContract
from tests.contracts.job_queue_runner import HeldJobQueue, Runner, a_job, result_of
from tests.support.jobs import PREFIX, make_queue
from tests.support.waiting import until

OURS, THEIRS = b"our key", b"a key of somebody else"


class TestCeleryJobAdmin(JobAdminContract):
    @pytest.fixture
    def make(self, valkey_url: str) -> Callable[[Runners], tuple[HeldJobQueue, JobAdmin]]:
        def make(runners: Runners) -> tuple[HeldJobQueue, JobAdmin]:
            queue = make_queue(valkey_url, runners)
            return queue, queue.kept

        return make


@pytest.fixture
def runner() -> Runner:
    return Runner()


@pytest.fixture
def queue(valkey_url: str, runner: Runner) -> CeleryJobQueue:
    return make_queue(valkey_url, {"test": runner}, keys=(OURS,))


@pytest.fixture
def client(valkey_url: str) -> Iterator[Any]:
    with redis.Redis.from_url(valkey_url) as client:
        yield client


def submitted(queue: CeleryJobQueue, number: int = 1) -> list[Job]:
    jobs = [a_job("test/a") for _ in range(number)]
    for job in jobs:
        queue.submit(job)
    return jobs


def test_more_jobs_than_a_page_are_listed_each_once_in_order(queue: CeleryJobQueue) -> None:
    jobs = submitted(queue, 205)
    assert [view.id for view in queue.kept.list(limit=999)] == [job.id for job in reversed(jobs)]


def test_an_id_without_a_record_is_dropped_and_takes_nothing_from_the_others(
    queue: CeleryJobQueue, client: Any
) -> None:
    jobs = submitted(queue, 3)
    client.delete(f"{PREFIX}job:{jobs[1].id}")
    client.zadd(f"{PREFIX}jobs", {"never-there": 10**9, b"\xff": 10**9, "endless": "inf"})
    assert [view.id for view in queue.kept.list(limit=9)] == [jobs[2].id, jobs[0].id]


def test_what_is_forgotten_leaves_the_index_with_the_next_that_comes(queue: CeleryJobQueue, client: Any) -> None:
    old, _ = submitted(queue, 2)
    client.zadd(f"{PREFIX}jobs-kept-until", {old.id: 1})
    submitted(queue)
    for among in ("jobs", "jobs-kept-until", "jobs-waiting"):
        assert client.zcard(f"{PREFIX}{among}") == 2
        assert client.zscore(f"{PREFIX}{among}", old.id) is None


def test_a_result_stays_in_the_index_for_as_long_as_it_is_kept(queue: CeleryJobQueue, client: Any) -> None:
    [job] = submitted(queue)
    key, until = f"{PREFIX}job:{job.id}", f"{PREFIX}jobs-kept-until"
    for _ in range(2):
        assert abs(client.zscore(until, job.id) / 1000 - client.expiretime(key)) < 2
        queue.run(job.id)


@pytest.mark.parametrize("field", ["about", "summary"])
@pytest.mark.parametrize("text", ["hostile", "", "{}", "signed"])
def test_a_record_that_is_not_ours_is_unreadable_and_what_is_ours_of_it_is_shown(
    queue: CeleryJobQueue, client: Any, field: str, text: str
) -> None:
    job, other = submitted(queue, 2)
    forged = RecordSigner([THEIRS]).sign("{}", field, job.id) if text == "signed" else text
    client.hset(f"{PREFIX}job:{job.id}", field, forged)
    [shown] = queue.kept.list(limit=9, status="unreadable")
    assert (shown.id, shown.integration) == (job.id, "" if field == "about" else "test")
    assert "not signed with the key of this deployment" in shown.unreadable
    assert {view.id for view in queue.kept.list(limit=9)} == {job.id, other.id}


def test_the_record_of_another_job_is_unreadable_in_its_place(queue: CeleryJobQueue, client: Any) -> None:
    job, other = submitted(queue, 2)
    queue.run(other.id)
    for field in ("about", "summary"):
        client.hset(f"{PREFIX}job:{job.id}", field, client.hget(f"{PREFIX}job:{other.id}", field))
    assert [view.id for view in queue.kept.list(limit=9, status="unreadable")] == [job.id]


@pytest.mark.parametrize("value", ["x", "1e999", "nan", "-1e300", ""])
def test_times_and_counts_that_are_none_are_left_out(queue: CeleryJobQueue, client: Any, value: str) -> None:
    [job] = submitted(queue)
    for field in ("began", "ended", "due", "attempts", "slices"):
        client.hset(f"{PREFIX}job:{job.id}", field, value)
    view = queue.kept.get(job.id)
    assert view
    assert view.began_at is view.due_at is None
    client.zadd(f"{PREFIX}jobs-waiting", {job.id: "-inf"})
    assert queue.kept.counts().waiting == 1


def test_a_job_that_somebody_else_cancelled_in_redis_is_run_and_can_still_be_cancelled(
    queue: CeleryJobQueue, client: Any, runner: Runner
) -> None:
    job, other = submitted(queue, 2)
    for one in (job, other):
        client.hset(f"{PREFIX}job:{one.id}", "cancel", "hostile")
    queue.run(job.id)
    assert runner.jobs == [job]
    assert queue.kept.cancel(other.id, "alice") is CancelOutcome.CANCELLED
    assert result_of(queue, other).cancelled_by == "alice"


def test_a_scope_whose_record_is_not_ours_is_left_out_and_named(
    queue: CeleryJobQueue, client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    jobs = [a_job("test/a"), a_job("test/b")]
    for job in jobs:
        queue.submit(job)
        queue.run(job.id)
    client.hset(f"{PREFIX}scope-ends", "test/a", client.hget(f"{PREFIX}scope-ends", "test/b"))
    client.hset(f"{PREFIX}scope-successes", "test/b", "hostile")
    [view] = queue.kept.scopes()
    assert (view.scope, view.last_status, view.last_success) == ("b", JobStatus.SUCCESS, None)
    assert "test/a" in str([record.__dict__ for record in caplog.records])


def test_a_scope_is_forgotten_whose_last_job_ended_long_ago(queue: CeleryJobQueue, client: Any) -> None:
    for lock in ("test/a", "test/b"):
        job = a_job(lock)
        queue.submit(job)
        queue.run(job.id)
        client.zadd(f"{PREFIX}scopes", {"test/a": 1})
    assert [view.scope for view in queue.kept.scopes()] == ["b"]
    assert client.hkeys(f"{PREFIX}scope-ends") == client.hkeys(f"{PREFIX}scope-successes") == [b"test/b"]


def test_a_job_whose_worker_died_is_shown_so_and_ends_when_it_is_cancelled_and_run_again(
    valkey_url: str, runner: Runner
) -> None:
    def dies(job_slice: JobSlice) -> JobProgress:
        raise KeyboardInterrupt

    queue = make_queue(valkey_url, {"test": runner}, lock_seconds=0.01)
    [job] = submitted(queue)
    runner.steps = [dies]
    with pytest.raises(KeyboardInterrupt):
        queue.run(job.id)

    def dead() -> bool:
        view = queue.kept.get(job.id)
        return view is not None and view.worker_alive is False

    until(dead)
    assert queue.kept.counts().running == 1
    assert queue.kept.cancel(job.id, "alice") is CancelOutcome.STOPPING
    until(lambda: queue.run(job.id))
    assert result_of(queue, job).cancelled_by == "alice"
    assert len(runner.jobs) == 1


def test_a_key_of_another_type_is_an_error_that_is_named(queue: CeleryJobQueue, client: Any) -> None:
    client.set(f"{PREFIX}jobs", "x")
    with pytest.raises(JobAdminError, match="WRONGTYPE"):
        list(queue.kept.list(limit=1))


def test_a_job_that_is_cancelled_does_not_begin_although_nobody_answers_in_haste_who_did_it(
    queue: CeleryJobQueue, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def goes_on(job_slice: JobSlice) -> Unfinished:
        queue.kept.cancel(job.id, "alice")
        return Unfinished(job_slice.progress)

    def refuse(*_: object) -> None:
        raise redis.TimeoutError("slow")

    [job] = submitted(queue)
    runner.steps = [goes_on]
    monkeypatch.setattr(JobLedger, "cancelled_by", refuse)
    queue.run(job.id)
    queue.run(job.id)
    assert runner.jobs == [job]
    assert result_of(queue, job).cancelled_by == "alice"
