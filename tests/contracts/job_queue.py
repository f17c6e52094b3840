"""What every job queue keeps to."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread

import pytest

from qontract.application.jobs import JobSlice, Runners
from qontract.domain.jobs import Job, JobProgress, JobResult, JobStatus
from tests.contracts.job_queue_runner import SUCCESS, HeldJobQueue, Runner, a_job, result_of
from tests.contracts.job_queue_slices import SlicesContract

__all__ = ["SUCCESS", "HeldJobQueue", "JobQueueContract", "Runner", "a_job"]


class JobQueueContract(SlicesContract, ABC):
    """Subclass it, and say how to make a queue that holds its jobs until `run`."""

    @pytest.fixture
    @abstractmethod
    def make(self) -> Callable[[Runners], HeldJobQueue]: ...

    @pytest.fixture
    def runner(self) -> Runner:
        return Runner()

    @pytest.fixture
    def queue(self, make: Callable[[Runners], HeldJobQueue], runner: Runner) -> HeldJobQueue:
        return make({"test": runner})

    def test_an_id_that_was_never_submitted_has_no_result(self, queue: HeldJobQueue) -> None:
        assert queue.result("8c6f") is None

    def test_what_a_job_is_about_is_known_from_its_submission_and_after_its_end(
        self, queue: HeldJobQueue, runner: Runner
    ) -> None:
        job = a_job("a").model_copy(update={"scopes": ("é", "b")})
        assert queue.about(job.id) is None
        queue.submit(job)
        about = job.about()
        assert queue.about(job.id) == about
        queue.run(job.id)
        assert queue.about(job.id) == about

    def test_a_job_that_waits_is_pending(self, queue: HeldJobQueue, runner: Runner) -> None:
        job = a_job()
        queue.submit(job)
        assert queue.result(job.id) == JobResult()
        assert not runner.jobs

    def test_the_runner_gets_the_job_as_it_was_submitted(self, queue: HeldJobQueue, runner: Runner) -> None:
        job = a_job("a", "b", correlation_id="c-1")
        queue.submit(job)
        queue.run(job.id)
        assert runner.jobs == [job]
        assert runner.superseded == [set()]

    @pytest.mark.parametrize("status", [status for status in JobStatus if status.final])
    def test_the_result_is_what_the_runner_returned(
        self, queue: HeldJobQueue, runner: Runner, status: JobStatus
    ) -> None:
        runner.result = JobResult(status=status, actions=({"a": 1},), applied_actions=({"b": [2]},), errors=("é",))
        job = a_job("a")
        queue.submit(job)
        queue.run(job.id)
        assert queue.result(job.id) == runner.result

    def test_a_job_with_a_final_result_is_not_run_again(self, queue: HeldJobQueue, runner: Runner) -> None:
        job = a_job("a")
        queue.submit(job)
        queue.run(job.id)
        queue.run(job.id)
        assert len(runner.jobs) == 1

    def test_a_runner_that_raises_makes_a_failed_result_and_does_not_break_the_queue(
        self, make: Callable[[Runners], HeldJobQueue], runner: Runner
    ) -> None:
        def broken(job: Job, job_slice: JobSlice) -> JobProgress:
            raise ValueError("no such thing")

        queue = make({"broken": broken, "test": runner})
        broken_job, next_job = a_job("a", integration="broken"), a_job("a")
        for job in (broken_job, next_job):
            queue.submit(job)
            queue.run(job.id)
        assert queue.result(broken_job.id) == JobResult(status=JobStatus.FAILED, errors=("ValueError: no such thing",))
        assert queue.result(next_job.id) == SUCCESS

    def test_a_job_that_has_no_runner_has_failed_and_says_so(self, queue: HeldJobQueue) -> None:
        job = a_job(integration="unheard-of")
        queue.submit(job)
        queue.run(job.id)
        result = result_of(queue, job)
        assert result.status is JobStatus.FAILED
        assert "unheard-of" in result.errors[0]

    def test_a_job_is_skipped_once_a_later_one_has_begun(self, queue: HeldJobQueue, runner: Runner) -> None:
        older, newer = a_job("a"), a_job("a")
        queue.submit(older)
        queue.submit(newer)
        queue.run(newer.id)
        queue.run(older.id)
        assert runner.jobs == [newer]
        assert queue.result(older.id) == JobResult(
            status=JobStatus.SKIPPED, errors=("a: superseded, for a later request has begun",)
        )

    def test_a_job_with_some_superseded_locks_is_run_for_the_others(self, queue: HeldJobQueue, runner: Runner) -> None:
        older, newer = a_job("a", "b", "c"), a_job("a", "c")
        queue.submit(older)
        queue.submit(newer)
        queue.run(newer.id)
        queue.run(older.id)
        assert runner.jobs == [newer, older]
        assert runner.superseded == [set(), {"a", "c"}]
        result = result_of(queue, older)
        assert result.status is JobStatus.SKIPPED
        assert [error.partition(":")[0] for error in result.errors] == ["a", "c"]

    def test_a_job_whose_every_lock_is_superseded_is_skipped_even_by_several_others(
        self, queue: HeldJobQueue, runner: Runner
    ) -> None:
        older, *newer = a_job("a", "b"), a_job("a"), a_job("b")
        for job in (older, *newer):
            queue.submit(job)
        for job in (*newer, older):
            queue.run(job.id)
        assert runner.jobs == newer
        assert result_of(queue, older).status is JobStatus.SKIPPED

    def test_jobs_in_the_order_of_their_submission_are_all_run(self, queue: HeldJobQueue, runner: Runner) -> None:
        jobs = [a_job("a", "b"), a_job("b"), a_job("a")]
        for job in jobs:
            queue.submit(job)
        for job in jobs:
            queue.run(job.id)
        assert runner.jobs == jobs

    def test_jobs_that_share_no_lock_are_run_in_any_order(self, queue: HeldJobQueue, runner: Runner) -> None:
        jobs = [a_job("a"), a_job("b"), a_job(), a_job()]
        for job in jobs:
            queue.submit(job)
        for job in reversed(jobs):
            queue.run(job.id)
        assert len(runner.jobs) == len(jobs)
        assert {result_of(queue, job).status for job in jobs} == {JobStatus.SUCCESS}

    def test_a_lock_that_is_given_twice_counts_once(self, queue: HeldJobQueue) -> None:
        job = a_job("a", "a")
        queue.submit(job)
        queue.run(job.id)
        assert queue.result(job.id) == SUCCESS

    def test_two_jobs_that_share_a_lock_never_run_at_the_same_time(
        self, make: Callable[[Runners], HeldJobQueue]
    ) -> None:
        first, second = a_job("a", "b"), a_job("b", "c")
        begun, told = {job.id: Event() for job in (first, second)}, []

        def runner(job: Job, job_slice: JobSlice) -> JobProgress:
            begun[job.id].set()
            if job.id == first.id:
                told.append(begun[second.id].wait(0.3))
            return JobProgress(result=SUCCESS)

        def run_in_turn(job: Job) -> None:
            while queue.run(job.id) is False:
                begun[second.id].wait(0.02)

        queue = make({"test": runner})
        queue.submit(first)
        queue.submit(second)
        threads = [Thread(target=run_in_turn, args=(job,)) for job in (first, second)]
        threads[0].start()
        assert begun[first.id].wait(5)
        threads[1].start()
        for thread in threads:
            thread.join(5)
        assert told == [False]
        assert queue.result(first.id) == queue.result(second.id) == SUCCESS

    def test_while_a_lock_is_kept_no_job_with_it_is_run_and_others_are(
        self, make: Callable[[Runners], HeldJobQueue], runner: Runner
    ) -> None:
        queue = make({"test": runner})
        waiting, other = a_job("a", "b"), a_job("c")
        queue.submit(waiting)
        queue.submit(other)
        with ThreadPoolExecutor(1) as thread, queue.locked("a") as free:
            assert free
            thread.submit(queue.run, waiting.id)
            queue.run(other.id)
            assert runner.jobs == [other]
            assert queue.result(waiting.id) == JobResult()
        queue.run(waiting.id)
        assert runner.jobs == [other, waiting]

    def test_a_lock_cannot_be_kept_while_its_job_is_run_or_another_keeps_it(
        self, make: Callable[[Runners], HeldJobQueue]
    ) -> None:
        seen = []

        def look(job: Job, job_slice: JobSlice) -> JobProgress:
            with queue.locked("a") as free:
                seen.append(free)
            return JobProgress(result=SUCCESS)

        queue = make({"test": look})
        job = a_job("a")
        queue.submit(job)
        queue.run(job.id)
        with queue.locked("a") as first, queue.locked("a") as second:
            seen += [first, second]
        with queue.locked("a") as again:
            seen.append(again)
        assert seen == [False, True, False, True]
