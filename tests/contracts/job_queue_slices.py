"""What every job queue keeps to when jobs continue, and while they are run."""

from collections.abc import Callable

import pytest

from qontract.application.jobs import JobSlice, Runners, Unfinished
from qontract.domain.jobs import JobProgress, JobResult, JobStatus
from tests.contracts.job_queue_runner import SUCCESS, HeldJobQueue, Runner, a_job, running

HALF = running(1, 2, "é", finished={"k"}, removals={"a": 3}, memberships={"a": 9}, idle_slices=2)


def ends(status: JobStatus = JobStatus.SUCCESS, **memberships: int) -> Callable[[JobSlice], JobProgress]:
    return lambda _: JobProgress(result=JobResult(status=status), memberships=memberships)


class SlicesContract:
    def test_a_job_that_continues_is_run_again_from_its_own_progress(self, queue: HeldJobQueue, runner: Runner) -> None:
        before = []

        def last(job_slice: JobSlice) -> JobProgress:
            before.append(job_slice.progress)
            return JobProgress(result=SUCCESS)

        runner.steps = [lambda _: Unfinished(HALF), last]
        job = a_job("a")
        queue.submit(job)
        assert queue.run(job.id)
        assert queue.run(job.id)
        assert before == [HALF]
        assert queue.result(job.id) == SUCCESS

    def test_between_slices_the_result_is_running_with_what_is_done_and_the_errors_so_far(
        self, queue: HeldJobQueue, runner: Runner
    ) -> None:
        runner.steps = [lambda _: Unfinished(HALF)]
        job = a_job("a")
        queue.submit(job)
        queue.run(job.id)
        assert queue.result(job.id) == JobResult(status=JobStatus.RUNNING, done=1, of=2, errors=("é",))

    def test_the_next_slice_does_not_begin_before_the_seconds_that_the_runner_said(
        self, queue: HeldJobQueue, runner: Runner
    ) -> None:
        runner.steps = [lambda _: Unfinished(HALF, 60)]
        job = a_job("a")
        queue.submit(job)
        assert queue.run(job.id)
        assert queue.run(job.id) is False
        assert len(runner.jobs) == 1

    def test_between_slices_its_locks_are_free(self, queue: HeldJobQueue, runner: Runner) -> None:
        runner.steps = [lambda _: Unfinished(HALF, 60)]
        job, later = a_job("a"), a_job("a")
        queue.submit(job)
        queue.run(job.id)
        with queue.locked("a") as free:
            assert free
        queue.submit(later)
        assert queue.run(later.id)
        assert queue.result(later.id) == SUCCESS

    def test_a_later_job_supersedes_one_between_slices(self, queue: HeldJobQueue, runner: Runner) -> None:
        job, later = a_job("a"), a_job("a")
        runner.steps = [lambda _: Unfinished(HALF)]
        queue.submit(job)
        queue.run(job.id)
        queue.submit(later)
        queue.run(later.id)
        queue.run(job.id)
        assert runner.jobs == [job, later]
        assert queue.result(job.id) == JobResult(
            status=JobStatus.SKIPPED, done=1, of=2, errors=("a: superseded, for a later request has begun", "é")
        )

    def test_a_slice_is_no_attempt_of_a_lost_worker(self, queue: HeldJobQueue, runner: Runner) -> None:
        slices = 10
        runner.steps = [lambda _: Unfinished(HALF)] * slices
        job = a_job("a")
        queue.submit(job)
        for _ in range(slices + 1):
            assert queue.run(job.id)
        assert queue.result(job.id) == SUCCESS

    def test_while_it_runs_the_result_is_running_and_then_what_was_shown(
        self, queue: HeldJobQueue, runner: Runner
    ) -> None:
        job, seen = a_job("a"), []

        def look(job_slice: JobSlice) -> JobProgress:
            seen.append(queue.result(job.id))
            job_slice.show(lambda: HALF)
            seen.append(queue.result(job.id))
            return JobProgress(result=SUCCESS)

        runner.steps = [look]
        queue.submit(job)
        queue.run(job.id)
        assert seen == [JobResult(status=JobStatus.RUNNING), HALF.result]

    def test_progress_is_asked_for_about_once_a_second(self, queue: HeldJobQueue, runner: Runner) -> None:
        asked = []

        def progress() -> JobProgress:
            asked.append(1)
            return HALF

        def show(job_slice: JobSlice) -> JobProgress:
            for _ in range(100):
                job_slice.show(progress)
            return JobProgress(result=SUCCESS)

        runner.steps = [show]
        job = a_job("a")
        queue.submit(job)
        queue.run(job.id)
        assert 1 <= len(asked) < 10

    def test_a_runner_that_raises_has_failed_with_what_was_shown(self, queue: HeldJobQueue, runner: Runner) -> None:
        def show_and_raise(job_slice: JobSlice) -> JobProgress:
            job_slice.show(lambda: HALF)
            raise ValueError("broken")

        runner.steps = [show_and_raise]
        job = a_job("a")
        queue.submit(job)
        queue.run(job.id)
        errors = ("ValueError: broken", "é")
        assert queue.result(job.id) == JobResult(status=JobStatus.FAILED, done=1, of=2, errors=errors)

    def test_a_run_holds_its_own_locks_and_no_others(self, queue: HeldJobQueue, runner: Runner) -> None:
        held: list[bool] = []

        def look(job_slice: JobSlice) -> JobProgress:
            held.extend(job_slice.holds(lock) for lock in "abc")
            return JobProgress(result=SUCCESS)

        older, newer = a_job("a", "b"), a_job("b")
        queue.submit(older)
        queue.submit(newer)
        queue.run(newer.id)
        runner.steps = [look]
        queue.run(older.id)
        assert held == [True, False, False]

    @pytest.mark.parametrize(("status", "known"), [("success", 7), ("failed", 7), ("skipped", 7), ("blocked", None)])
    def test_memberships_are_known_to_the_next_job_unless_the_job_was_blocked(
        self, queue: HeldJobQueue, runner: Runner, status: str, known: int | None
    ) -> None:
        found: list[int | None] = []

        def look(job_slice: JobSlice) -> JobProgress:
            found.extend(job_slice.memberships(lock) for lock in "ab")
            return JobProgress(result=SUCCESS)

        first, second = a_job("a"), a_job("a", "b")
        runner.steps = [ends(JobStatus(status), a=7), look]
        for job in (first, second):
            queue.submit(job)
            queue.run(job.id)
        assert found == [known, None]

    def test_memberships_of_what_a_job_has_not_locked_are_not_kept(self, queue: HeldJobQueue, runner: Runner) -> None:
        found: list[int | None] = []

        def look(job_slice: JobSlice) -> JobProgress:
            found.append(job_slice.memberships("a"))
            return JobProgress(result=SUCCESS)

        runner.steps = [ends(a=7), look]
        for job in (a_job(), a_job("a")):
            queue.submit(job)
            queue.run(job.id)
        assert found == [None]

    def test_a_queue_whose_jobs_have_ended_has_lost_none(
        self, make: Callable[[Runners], HeldJobQueue], runner: Runner
    ) -> None:
        queue, job = make({"test": runner}), a_job("a")
        queue.submit(job)
        queue.run(job.id)
        assert queue.resubmit_lost() == 0
