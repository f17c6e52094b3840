"""What every job queue keeps to."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread
from typing import Protocol

import pytest

from qontract.application.jobs import Runners
from qontract.application.ports.job_queue import JobQueue
from qontract.domain.jobs import Job, JobResult, JobStatus

SUCCESS = JobResult(status=JobStatus.SUCCESS)


class HeldJobQueue(JobQueue, Protocol):
    """A queue that runs a job when the test says so; False: not now, another has what it changes."""

    def run(self, job_id: str) -> bool | None: ...


class Runner:
    """Remembers what it was given, and returns `result`."""

    def __init__(self, result: JobResult = SUCCESS) -> None:
        self.result = result
        self.jobs: list[Job] = []
        self.lost: list[set[str]] = []

    def __call__(self, job: Job, lost: Collection[str]) -> JobResult:
        self.jobs.append(job)
        self.lost.append(set(lost))
        return self.result


def a_job(*exclusive: str, integration: str = "test", correlation_id: str | None = None) -> Job:
    payload = {"text": "é", "n": [1, None]}
    return Job(integration=integration, payload=payload, exclusive=exclusive, correlation_id=correlation_id)


class JobQueueContract(ABC):
    """Subclass it, and say how to make a queue that holds its jobs until `run`."""

    @pytest.fixture
    @abstractmethod
    def make(self) -> Callable[[Runners], HeldJobQueue]: ...

    @pytest.fixture
    def runner(self) -> Runner:
        return Runner()

    @pytest.fixture
    def queue(self, make, runner: Runner) -> HeldJobQueue:
        return make({"test": runner})

    def test_an_id_that_was_never_submitted_has_no_result(self, queue):
        assert queue.result("8c6f") is None

    def test_a_job_that_waits_is_pending(self, queue, runner):
        job = a_job()
        queue.submit(job)
        assert queue.result(job.id) == JobResult()
        assert not runner.jobs

    def test_the_runner_gets_the_job_as_it_was_submitted(self, queue, runner):
        job = a_job("a", "b", correlation_id="c-1")
        queue.submit(job)
        queue.run(job.id)
        assert runner.jobs == [job]
        assert runner.lost == [set()]

    @pytest.mark.parametrize("status", [JobStatus.SUCCESS, JobStatus.FAILED, JobStatus.SKIPPED])
    def test_the_result_is_what_the_runner_returned(self, queue, runner, status):
        runner.result = JobResult(status=status, actions=({"a": 1},), applied_actions=({"b": [2]},), errors=("é",))
        job = a_job("a")
        queue.submit(job)
        queue.run(job.id)
        assert queue.result(job.id) == runner.result

    def test_a_job_with_a_final_result_is_not_run_again(self, queue, runner):
        job = a_job("a")
        queue.submit(job)
        queue.run(job.id)
        queue.run(job.id)
        assert len(runner.jobs) == 1

    def test_a_runner_that_raises_makes_a_failed_result_and_does_not_break_the_queue(self, make, runner):
        def broken(job: Job, lost: Collection[str]) -> JobResult:
            raise ValueError("no such thing")

        queue = make({"broken": broken, "test": runner})
        broken_job, next_job = a_job("a", integration="broken"), a_job("a")
        for job in (broken_job, next_job):
            queue.submit(job)
            queue.run(job.id)
        assert queue.result(broken_job.id) == JobResult(status=JobStatus.FAILED, errors=("ValueError: no such thing",))
        assert queue.result(next_job.id) == SUCCESS

    def test_a_job_that_has_no_runner_has_failed_and_says_so(self, queue):
        job = a_job(integration="unheard-of")
        queue.submit(job)
        queue.run(job.id)
        result = queue.result(job.id)
        assert result.status is JobStatus.FAILED
        assert "unheard-of" in result.errors[0]

    def test_a_job_is_skipped_once_a_later_one_has_begun(self, queue, runner):
        older, newer = a_job("a"), a_job("a")
        queue.submit(older)
        queue.submit(newer)
        queue.run(newer.id)
        queue.run(older.id)
        assert runner.jobs == [newer]
        assert queue.result(older.id) == JobResult(
            status=JobStatus.SKIPPED, errors=("a: skipped, for a later request has begun",)
        )

    def test_a_job_that_lost_some_of_its_names_is_run_for_the_others(self, queue, runner):
        older, newer = a_job("a", "b", "c"), a_job("a", "c")
        queue.submit(older)
        queue.submit(newer)
        queue.run(newer.id)
        queue.run(older.id)
        assert runner.jobs == [newer, older]
        assert runner.lost == [set(), {"a", "c"}]
        result = queue.result(older.id)
        assert result.status is JobStatus.SKIPPED
        assert [error.partition(":")[0] for error in result.errors] == ["a", "c"]

    def test_a_job_of_which_every_name_is_lost_is_skipped_even_to_several_others(self, queue, runner):
        older, *newer = a_job("a", "b"), a_job("a"), a_job("b")
        for job in (older, *newer):
            queue.submit(job)
        for job in (*newer, older):
            queue.run(job.id)
        assert runner.jobs == newer
        assert queue.result(older.id).status is JobStatus.SKIPPED

    def test_jobs_in_the_order_of_their_submission_are_all_run(self, queue, runner):
        jobs = [a_job("a", "b"), a_job("b"), a_job("a")]
        for job in jobs:
            queue.submit(job)
        for job in jobs:
            queue.run(job.id)
        assert runner.jobs == jobs

    def test_jobs_that_share_no_name_are_run_in_any_order(self, queue, runner):
        jobs = [a_job("a"), a_job("b"), a_job(), a_job()]
        for job in jobs:
            queue.submit(job)
        for job in reversed(jobs):
            queue.run(job.id)
        assert len(runner.jobs) == len(jobs)
        assert {queue.result(job.id).status for job in jobs} == {JobStatus.SUCCESS}

    def test_a_name_that_is_given_twice_counts_once(self, queue):
        job = a_job("a", "a")
        queue.submit(job)
        queue.run(job.id)
        assert queue.result(job.id) == SUCCESS

    def test_two_jobs_that_share_a_name_never_run_at_the_same_time(self, make):
        first, second = a_job("a", "b"), a_job("b", "c")
        begun, told = {job.id: Event() for job in (first, second)}, []

        def runner(job: Job, lost: Collection[str]) -> JobResult:
            begun[job.id].set()
            if job.id == first.id:
                told.append(begun[second.id].wait(0.3))
            return SUCCESS

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

    def test_while_a_name_is_kept_no_job_of_it_is_run_and_others_are(self, make, runner):
        queue = make({"test": runner})
        waiting, other = a_job("a", "b"), a_job("c")
        queue.submit(waiting)
        queue.submit(other)
        with ThreadPoolExecutor(1) as thread, queue.exclusively("a") as free:
            assert free
            thread.submit(queue.run, waiting.id)
            queue.run(other.id)
            assert runner.jobs == [other]
            assert queue.result(waiting.id) == JobResult()
        queue.run(waiting.id)
        assert runner.jobs == [other, waiting]

    def test_a_name_cannot_be_kept_while_its_job_is_run_or_another_keeps_it(self, make):
        seen = []

        def look(job: Job, lost: Collection[str]) -> JobResult:
            with queue.exclusively("a") as free:
                seen.append(free)
            return SUCCESS

        queue = make({"test": look})
        job = a_job("a")
        queue.submit(job)
        queue.run(job.id)
        with queue.exclusively("a") as first, queue.exclusively("a") as second:
            seen += [first, second]
        with queue.exclusively("a") as again:
            seen.append(again)
        assert seen == [False, True, False, True]
