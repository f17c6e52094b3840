"""What everybody keeps to who shows the jobs and cancels them."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from qontract.application.jobs import JobSlice, Runners, Unfinished
from qontract.application.ports.job_admin import JobAdmin
from qontract.domain.job_views import CancelOutcome, JobCounts, JobView, ScopeView
from qontract.domain.jobs import Job, JobProgress, JobResult, JobStatus
from tests.contracts.job_queue_runner import SUCCESS, HeldJobQueue, Runner, a_job, result_of, running

HALF = running(1, 2)
SOON = timedelta(seconds=30)


def with_actions(status: JobStatus, *errors: str) -> JobResult:
    actions = tuple({"action_type": "a", "subject": f"s{n}"} for n in range(3))
    return JobResult(status=status, done=2, of=3, actions=actions, applied_actions=actions[:2], errors=errors)


class JobAdminContract(ABC):
    """Subclass it, and say how to make a queue that holds its jobs until `run`, and what looks at its jobs."""

    @pytest.fixture
    @abstractmethod
    def make(self) -> Callable[[Runners], tuple[HeldJobQueue, JobAdmin]]: ...

    @pytest.fixture
    def runner(self) -> Runner:
        return Runner()

    @pytest.fixture
    def pair(
        self, make: Callable[[Runners], tuple[HeldJobQueue, JobAdmin]], runner: Runner
    ) -> tuple[HeldJobQueue, JobAdmin]:
        return make({"test": runner, "other": runner})

    @pytest.fixture
    def queue(self, pair: tuple[HeldJobQueue, JobAdmin]) -> HeldJobQueue:
        return pair[0]

    @pytest.fixture
    def kept(self, pair: tuple[HeldJobQueue, JobAdmin]) -> JobAdmin:
        return pair[1]

    def view(self, kept: JobAdmin, job: Job) -> JobView:
        view = kept.get(job.id)
        assert view
        return view

    def test_where_nothing_was_submitted_there_is_nothing(self, kept: JobAdmin) -> None:
        assert list(kept.list(limit=9)) == []
        assert list(kept.scopes()) == []
        assert kept.get("8c6f") is kept.get("\ud800") is kept.get("") is None
        assert kept.cancel("8c6f", "me") is kept.cancel("\ud800", "me") is CancelOutcome.UNKNOWN
        assert kept.counts() == JobCounts()

    def test_a_job_that_waits_tells_who_wants_what_and_why(self, queue: HeldJobQueue, kept: JobAdmin) -> None:
        more = {"scopes": ("é", "b"), "requested_by": "alice", "reason": "she left", "correlation_id": "c-1"}
        job = a_job("test/é").model_copy(update=more)
        queue.submit(job)
        view = self.view(kept, job)
        assert (view.id, view.status, view.integration, view.scopes) == (job.id, JobStatus.PENDING, "test", ("é", "b"))
        assert (view.submitted_by, view.reason, view.correlation_id) == ("alice", "she left", "c-1")
        assert (view.submitted_at, view.dry_run) == (job.submitted_at, False)
        assert (view.began_at, view.ended_at, view.worker_alive, view.cancelled_by) == (None,) * 4
        assert (view.attempt, view.slice, view.result, view.ended) == (0, 0, JobResult(), False)

    def test_a_job_that_locks_nothing_is_a_dry_run(self, queue: HeldJobQueue, kept: JobAdmin) -> None:
        job = a_job()
        queue.submit(job)
        assert self.view(kept, job).dry_run

    def test_the_newest_is_first_and_no_more_are_told_than_are_asked_for(
        self, queue: HeldJobQueue, kept: JobAdmin
    ) -> None:
        jobs = [a_job() for _ in range(5)]
        for job in jobs:
            queue.submit(job)
        assert [view.id for view in kept.list(limit=9)] == [job.id for job in reversed(jobs)]
        assert [view.id for view in kept.list(limit=2)] == [jobs[4].id, jobs[3].id]

    def test_a_list_has_only_what_meets_every_condition(
        self, queue: HeldJobQueue, kept: JobAdmin, runner: Runner
    ) -> None:
        jobs = [
            a_job(integration=integration).model_copy(update={"scopes": scopes})
            for integration, scopes in [("test", ("a",)), ("other", ("a", "b")), ("test", ("a", "b"))]
        ]
        for job in jobs:
            queue.submit(job)
        queue.run(jobs[0].id)

        def found(**conditions: str) -> list[int]:
            ids = [job.id for job in jobs]
            return [ids.index(view.id) for view in kept.list(limit=9, **conditions)]

        assert found(integration="test") == [2, 0]
        assert found(scope="b") == [2, 1]
        assert found(status="success") == [0]
        assert found(status="pending", integration="test") == [2]
        assert found(status="unreadable") == found(scope="c") == found(integration="none") == []

    def test_while_a_job_runs_it_shows_that_its_worker_lives_and_how_far_it_is(
        self, queue: HeldJobQueue, kept: JobAdmin, runner: Runner
    ) -> None:
        job, seen = a_job("test/a"), []

        def look(job_slice: JobSlice) -> JobProgress:
            job_slice.show(lambda: HALF)
            seen.append((self.view(kept, job), kept.counts()))
            return JobProgress(result=SUCCESS)

        runner.steps = [look]
        queue.submit(job)
        queue.run(job.id)
        [(view, counts)] = seen
        assert (view.status, view.worker_alive, view.ended) == (JobStatus.RUNNING, True, False)
        assert (view.result.done, view.result.of, view.attempt, view.slice) == (1, 2, 1, 1)
        assert view.began_at
        assert abs(view.began_at - datetime.now(UTC)) < SOON
        assert (counts.waiting, counts.running) == (0, 1)

    def test_between_slices_no_worker_has_it_and_it_says_when_it_goes_on(
        self, queue: HeldJobQueue, kept: JobAdmin, runner: Runner
    ) -> None:
        job = a_job("test/a")
        runner.steps = [lambda _: Unfinished(HALF, 60)]
        queue.submit(job)
        queue.run(job.id)
        view = self.view(kept, job)
        assert (view.status, view.worker_alive, view.slice) == (JobStatus.RUNNING, None, 1)
        assert view.due_at
        assert timedelta(seconds=30) < view.due_at - datetime.now(UTC) < timedelta(seconds=61)
        assert kept.counts() == JobCounts(waiting=1)

    def test_a_job_that_has_ended_tells_all_and_in_a_list_no_actions(
        self, queue: HeldJobQueue, kept: JobAdmin, runner: Runner
    ) -> None:
        job, runner.result = a_job("test/a"), with_actions(JobStatus.FAILED, "é", "second")
        queue.submit(job)
        queue.run(job.id)
        view = self.view(kept, job)
        assert (view.status, view.result, view.worker_alive, view.ended) == ("failed", runner.result, None, True)
        assert view.ended_at
        assert abs(view.ended_at - datetime.now(UTC)) < SOON
        [listed] = kept.list(limit=1)
        assert (listed.result.done, listed.result.of, listed.result.errors) == (2, 3, ("é",))
        assert listed.result.actions == listed.result.applied_actions == ()
        assert kept.counts() == JobCounts()

    def test_it_is_counted_how_many_wait_and_for_how_long(self, queue: HeldJobQueue, kept: JobAdmin) -> None:
        for _ in range(3):
            queue.submit(a_job("test/a"))
        counts = kept.counts()
        assert (counts.waiting, counts.running) == (3, 0)
        assert 0 <= counts.oldest_waiting_seconds < SOON.total_seconds()

    def test_a_job_that_waits_and_is_cancelled_never_begins(
        self, queue: HeldJobQueue, kept: JobAdmin, runner: Runner
    ) -> None:
        job, next_job = a_job("test/a"), a_job("test/a")
        for one in (job, next_job):
            queue.submit(one)
        assert kept.cancel(job.id, "alice") is CancelOutcome.CANCELLED
        queue.run(job.id)
        queue.run(next_job.id)
        assert runner.jobs == [next_job]
        assert result_of(queue, job) == JobResult(
            status=JobStatus.SKIPPED, errors=("cancelled by alice",), cancelled_by="alice"
        )
        view = self.view(kept, job)
        assert (view.cancelled_by, view.ended, view.began_at) == ("alice", True, None)
        assert kept.counts() == JobCounts()

    def test_a_job_between_slices_that_is_cancelled_has_failed_with_what_it_had_done(
        self, queue: HeldJobQueue, kept: JobAdmin, runner: Runner
    ) -> None:
        job, half = a_job("test/a"), with_actions(JobStatus.RUNNING, "é")
        runner.steps = [lambda _: Unfinished(JobProgress(result=half))]
        queue.submit(job)
        queue.run(job.id)
        assert kept.cancel(job.id, "alice") is CancelOutcome.CANCELLED
        queue.run(job.id)
        assert runner.jobs == [job]
        changed = {"status": JobStatus.FAILED, "errors": ("cancelled by alice", "é"), "cancelled_by": "alice"}
        assert result_of(queue, job) == half.model_copy(update=changed)

    def test_a_job_that_runs_learns_that_it_is_cancelled_and_by_whom(
        self, queue: HeldJobQueue, kept: JobAdmin, runner: Runner
    ) -> None:
        job, other, told = a_job("test/a"), a_job("test/b"), []

        def look(job_slice: JobSlice) -> JobProgress:
            told.append(job_slice.cancelled_by())
            told.append(kept.cancel(other.id, "bob"))
            told.append(job_slice.cancelled_by())
            told.append(kept.cancel(job.id, "alice"))
            told.append(kept.cancel(job.id, "carol"))
            told.append(job_slice.cancelled_by())
            told.append(self.view(kept, job).cancelled_by)
            return JobProgress(result=SUCCESS)

        runner.steps = [look]
        for one in (job, other):
            queue.submit(one)
        queue.run(job.id)
        stopping = CancelOutcome.STOPPING
        assert told == [None, CancelOutcome.CANCELLED, None, stopping, stopping, "alice", "alice"]
        assert queue.result(job.id) == SUCCESS  # it was too late: what the runner says holds
        assert kept.cancel(job.id, "carol") is CancelOutcome.ENDED

    def test_a_job_that_was_cancelled_while_it_ran_does_not_go_on(
        self, queue: HeldJobQueue, kept: JobAdmin, runner: Runner
    ) -> None:
        job = a_job("test/a")

        def goes_on(job_slice: JobSlice) -> Unfinished:
            kept.cancel(job.id, "alice")
            return Unfinished(HALF)

        runner.steps = [goes_on]
        queue.submit(job)
        queue.run(job.id)
        queue.run(job.id)
        assert runner.jobs == [job]
        result = result_of(queue, job)
        assert (result.status, result.done, result.cancelled_by) == (JobStatus.FAILED, 1, "alice")

    def test_cancelling_again_changes_nothing_and_of_an_ended_job_nothing_at_all(
        self, queue: HeldJobQueue, kept: JobAdmin
    ) -> None:
        ended, job = a_job("test/a"), a_job("test/a")
        for one in (ended, job):
            queue.submit(one)
        queue.run(ended.id)
        assert kept.cancel(ended.id, "alice") is CancelOutcome.ENDED
        assert queue.result(ended.id) == SUCCESS
        assert [kept.cancel(job.id, by) for by in ("alice", "bob")] == [CancelOutcome.CANCELLED] * 2
        assert result_of(queue, job).cancelled_by == "alice"

    def test_of_each_scope_it_is_known_how_its_last_job_ended_and_when_it_last_succeeded(
        self, queue: HeldJobQueue, kept: JobAdmin, runner: Runner
    ) -> None:
        good, bad, dry = a_job("test/é", "test/b"), a_job("test/b"), a_job()
        ended = frozenset({"test/b"})
        runner.steps = [
            lambda _: JobProgress(result=SUCCESS),
            lambda _: JobProgress(result=JobResult(status=JobStatus.FAILED, errors=("x",)), failed=ended, ended=ended),
            lambda _: JobProgress(result=SUCCESS),
        ]
        for job in (good, bad, dry):
            queue.submit(job)
            queue.run(job.id)
        b, e = kept.scopes()
        assert (b.integration, b.scope, b.last_status, b.job_id) == ("test", "b", JobStatus.FAILED, bad.id)
        assert b.last_success
        assert b.last_success <= b.last_ended
        assert e == ScopeView("test", "é", e.last_ended, JobStatus.SUCCESS, e.last_ended, good.id)
        assert abs(e.last_ended - datetime.now(UTC)) < SOON

    def test_a_scope_that_a_guard_stopped_has_the_digest_and_the_others_have_none(
        self, queue: HeldJobQueue, kept: JobAdmin, runner: Runner
    ) -> None:
        job = a_job("test/a", "test/b", "test/c")
        result = JobResult(status=JobStatus.BLOCKED, errors=("a: blocked",), plan_digest="d1.d2")
        ended = frozenset({"test/a", "test/b"})
        runner.steps = [lambda _: JobProgress(result=result, blocked={"test/a": "d1"}, ended=ended)]
        queue.submit(job)
        queue.run(job.id)
        found = [(view.last_status, view.blocked_digest, view.last_success is None) for view in kept.scopes()]
        assert found == [("blocked", "d1", True), ("success", None, False), ("failed", None, True)]

    def test_a_scope_that_a_later_job_took_is_told_of_that_job(
        self, queue: HeldJobQueue, kept: JobAdmin, runner: Runner
    ) -> None:
        older, newer = a_job("test/a", "test/b"), a_job("test/a")
        for job in (older, newer):
            queue.submit(job)
        for job in (newer, older):
            queue.run(job.id)
        assert [view.job_id for view in kept.scopes()] == [newer.id, older.id]
