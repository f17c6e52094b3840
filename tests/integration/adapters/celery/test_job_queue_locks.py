"""What a run knows of its locks, on a real server."""

import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import redis
from pytest_mock import MockerFixture

from qontract.adapters.celery import CeleryJobQueue, job_queue, job_slice
from qontract.adapters.celery.job_ledger import JobLedger
from qontract.adapters.celery.ledger_records import Run
from qontract.application.jobs import JobSlice
from qontract.domain.jobs import JobProgress
from tests.contracts.job_queue_runner import SUCCESS, Runner, a_job
from tests.support.jobs import PREFIX, Told, final, make_queue, worker
from tests.support.waiting import until

LOCK_SECONDS = 60


class Held:
    """A run whose clock the test moves, and what it says of its lock `a`."""

    def __init__(self, url: str, mocker: MockerFixture) -> None:
        self.client = redis.Redis.from_url(url, decode_responses=True)
        self.seconds = 1000.0
        for module in (job_slice, job_queue):
            mocker.patch.object(module, "clock", side_effect=lambda: self.seconds)
        self.runner = Runner()
        self.queue: CeleryJobQueue = make_queue(url, {"test": self.runner}, lock_seconds=LOCK_SECONDS)
        self.answers: list[bool] = []
        self.job_slice: JobSlice
        self.job = a_job("a")

    def run(
        self, meanwhile: Callable[["Held"], object], times: int = 1, after: Callable[["Held"], object] = lambda _: None
    ) -> list[bool]:
        """Do something in the midst of a run, and return whether it holds the lock then."""

        def step(mine: JobSlice) -> JobProgress:
            self.job_slice = mine
            meanwhile(self)
            self.answers += [mine.holds("a") for _ in range(times)]
            after(self)
            return JobProgress(result=SUCCESS)

        self.runner.steps = [step]
        self.queue.submit(self.job)
        self.queue.run(self.job.id)
        return self.answers

    def free(self) -> None:
        """Let the lock lapse."""
        assert self.client.delete(f"{PREFIX}lock:a") == 1

    def stand_still(self) -> None:
        """Let the lock lapse while the run stands still."""
        self.free()
        self.seconds += LOCK_SECONDS

    def run_another(self) -> None:
        """Run a later job with the lock, to its end."""
        later = a_job("a")
        self.queue.submit(later)
        assert self.queue.run(later.id)


@pytest.fixture
def held(valkey_url: str, mocker: MockerFixture) -> Held:
    return Held(valkey_url, mocker)


def later_than_a_lock(held: Held) -> None:
    held.seconds += LOCK_SECONDS


def retaken(held: Held) -> None:
    held.stand_still()
    held.run_another()


def begun_by_another_run(held: Held) -> None:
    held.stand_still()
    held.client.hset(f"{PREFIX}job:{held.job.id}", "run", "another")


def test_a_lock_is_valid_by_the_clock_without_asking_until_it_may_have_lapsed(held: Held) -> None:
    def just_before(held: Held) -> None:
        held.free()
        held.seconds += LOCK_SECONDS - 1

    assert held.run(just_before) == [True]


def test_a_lock_that_is_still_the_runs_own_is_renewed_when_that_is_not_sure(held: Held) -> None:
    assert held.run(later_than_a_lock) == [True]


def test_a_lock_that_lapsed_is_taken_again_if_no_newer_job_has_begun(held: Held) -> None:
    locked: list[bool] = []
    lock = f"{PREFIX}lock:a"
    answers = held.run(Held.stand_still, after=lambda held: locked.append(bool(held.client.exists(lock))))
    assert answers == locked == [True]


def test_a_lock_that_a_newer_job_has_begun_for_is_lost_for_good_even_when_it_is_free_again(held: Held) -> None:
    assert held.run(retaken, times=2) == [False, False]
    assert not held.client.exists(f"{PREFIX}lock:a")


def test_a_lock_is_not_taken_again_by_a_run_whose_job_has_another_run(held: Held) -> None:
    assert held.run(begun_by_another_run) == [False]


def test_a_lock_is_not_held_for_sure_if_redis_does_not_say_so(held: Held, mocker: MockerFixture) -> None:
    mocker.patch.object(JobLedger, "renew", side_effect=redis.ConnectionError("away"))
    assert held.run(later_than_a_lock) == [False]


def test_a_lock_is_valid_from_when_its_renewal_was_asked_and_not_from_the_answer(
    held: Held, mocker: MockerFixture
) -> None:
    renew = JobLedger.renew

    def answered_late(ledger: JobLedger, run: Run, locks: Sequence[str]) -> dict[str, bool]:
        answer = renew(ledger, run, locks)
        held.seconds += LOCK_SECONDS
        return answer

    mocker.patch.object(JobLedger, "renew", answered_late)
    assert held.run(later_than_a_lock) == [False]


def test_a_lock_that_somebody_else_had_meanwhile_is_lost_for_good(held: Held) -> None:
    def taken(held: Held) -> None:
        held.stand_still()
        held.client.set(f"{PREFIX}lock:a", "recovery")

    def freed_again(held: Held) -> None:
        held.free()
        held.answers.append(held.job_slice.holds("a"))

    assert held.run(taken, after=freed_again) == [False, False]


def test_a_worker_that_stood_still_does_not_hold_a_lock_that_a_newer_job_has_begun_for(
    valkey_url: str, tmp_path: Path
) -> None:
    queue, told = make_queue(valkey_url, {}), Told(tmp_path)
    older, newer = told.job("a", hold=True), told.job("a")
    with worker(valkey_url, JOBS_CONCURRENCY="1") as stopped:
        queue.submit(older)
        (child,) = until(lambda: told.begun(older))
        for pid in (stopped.pid, child):
            os.kill(pid, signal.SIGSTOP)
        with worker(valkey_url, JOBS_CONCURRENCY="1"):
            queue.submit(newer)
            assert final(queue, newer).errors == ()
            told.go.touch()
            for pid in (child, stopped.pid):
                os.kill(pid, signal.SIGCONT)
            until(lambda: f"{older.id} ends" in told.lines())
    assert f"{newer.id} holds a: True" in told.lines()
    assert f"{older.id} holds a: False" in told.lines()


def test_the_clock_of_locks_does_not_stop_while_the_machine_is_suspended(mocker: MockerFixture) -> None:
    asked = mocker.patch("time.clock_gettime", return_value=5.0)
    mocker.patch("time.CLOCK_BOOTTIME", 7, create=True)
    assert job_slice.clock() == 5.0
    asked.assert_called_once_with(7)
