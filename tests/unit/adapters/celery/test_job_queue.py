"""The job queue on Celery, without a server."""

import redis
from pytest_mock import MockerFixture

from qontract.adapters.celery import CeleryJobQueue
from qontract.adapters.celery import job_slice as job_slice_module
from qontract.adapters.celery.job_slice import CeleryJobSlice
from qontract.adapters.celery.ledger_records import Run
from qontract.domain.jobs import JobProgress
from tests.contracts.job_queue_runner import a_job


def test_two_queues_of_one_process_have_a_task_each() -> None:
    queues = [CeleryJobQueue("redis://127.0.0.1:1/0", {}, prefix=f"{name}:", time_limit=60) for name in ("one", "two")]
    for queue in queues:
        queue.app.finalize()
    one, two = (queue.app.tasks["qontract.run"] for queue in queues)
    assert one.app is not two.app
    assert one.run is not two.run


class _Ledger:
    """Answers who cancelled the job, or does not; counts how often it is asked."""

    lock_seconds = 60.0

    def __init__(self) -> None:
        self.answer: str | Exception | None = None
        self.asked = 0
        self.is_current = True

    def cancelled_by(self, run: Run) -> tuple[str | None, bool]:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer, self.is_current


def a_job_slice(ledger: _Ledger, cancelled_by: str | None = None) -> CeleryJobSlice:
    run = Run("r", a_job("a"), 1, 1, JobProgress(), frozenset(), ("a",), {}, "", cancelled_by=cancelled_by)
    return CeleryJobSlice(ledger, run, asked=0, slice_seconds=60)  # type: ignore[arg-type]


def test_before_each_action_it_is_asked_who_has_cancelled_the_job_until_somebody_has() -> None:
    ledger = _Ledger()
    job_slice = a_job_slice(ledger)
    assert [job_slice.cancelled_by() for _ in range(3)] == [None] * 3
    ledger.answer = "alice"
    assert [job_slice.cancelled_by() for _ in range(3)] == ["alice"] * 3
    assert ledger.asked == 4
    assert a_job_slice(_Ledger(), "bob").cancelled_by() == "bob"


def test_a_run_that_redis_does_not_know_any_more_holds_nothing(mocker: MockerFixture) -> None:
    mocker.patch.object(job_slice_module, "clock", return_value=1.0)
    ledger = _Ledger()
    job_slice = a_job_slice(ledger)
    assert job_slice.cancelled_by() is None
    assert job_slice.holds("a")
    ledger.is_current = False
    assert job_slice.cancelled_by() is None
    assert not job_slice.holds("a")


def test_while_redis_does_not_answer_actions_do_not_wait_for_it_again_and_again(mocker: MockerFixture) -> None:
    clock = mocker.patch.object(job_slice_module, "clock", return_value=100.0)
    ledger = _Ledger()
    ledger.answer = redis.TimeoutError("slow")
    job_slice = a_job_slice(ledger)
    assert [job_slice.cancelled_by() for _ in range(9)] == [None] * 9
    assert ledger.asked == 1
    ledger.answer, clock.return_value = "alice", 116.0
    assert job_slice.cancelled_by() == "alice"
