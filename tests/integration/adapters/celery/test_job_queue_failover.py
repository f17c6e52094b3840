"""What a run knows of its locks after another server has become the primary, which lacks what came last."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
import redis
from pytest_mock import MockerFixture

from qontract.adapters.celery import job_queue, job_slice
from qontract.application.jobs import JobSlice
from qontract.domain.jobs import Job, JobProgress
from tests.chaos.proxy import Proxy
from tests.contracts.job_queue_runner import SUCCESS, Runner, a_job
from tests.support.failover import Pair, at, behind_a_name, offset
from tests.support.jobs import PREFIX, make_queue
from tests.support.waiting import until

LOCK_SECONDS = 60


class Failover(NamedTuple):
    """Servers behind a name, and the URL of that."""

    servers: Pair
    name: Proxy
    url: str

    def promote(self) -> None:
        """Make the replica, which has everything, a primary; the name still leads to the old one, which goes on."""
        with at(self.servers.primary) as old, at(self.servers.replica) as new:
            until(lambda: offset(old) == offset(new))
            new.replicaof("NO", "ONE")

    def move(self) -> None:
        """Let the name lead to the new primary, and cut all connections to the old one."""
        self.name.move(self.servers.replica)
        self.name.cut()


@pytest.fixture
def failover() -> Iterator[Failover]:
    with behind_a_name() as (servers, name):
        yield Failover(servers, name, f"redis://127.0.0.1:{name.port}/0")


def held_in(failover: Failover, job: Job, *, before: Callable[[], None], meanwhile: Callable[[], None]) -> list[bool]:
    """Run a job, with something done before and meanwhile; return whether it holds its lock before its next action."""
    runner, answers = Runner(), list[bool]()
    queue = make_queue(failover.url, {"test": runner}, lock_seconds=LOCK_SECONDS)

    def step(mine: JobSlice) -> JobProgress:
        answers.append(mine.holds("a"))
        meanwhile()
        assert mine.cancelled_by() is None
        answers.append(mine.holds("a"))
        return JobProgress(result=SUCCESS)

    runner.steps = [step]
    queue.submit(job)
    before()
    queue.run(job.id)
    return answers


def test_a_run_whose_beginning_was_lost_holds_nothing_when_it_asks_before_its_next_action(failover: Failover) -> None:
    answers = held_in(failover, a_job("a"), before=failover.promote, meanwhile=failover.move)
    assert answers == [True, False]


def test_a_run_whose_beginning_the_new_primary_has_goes_on(failover: Failover) -> None:
    def fail_over() -> None:
        failover.promote()
        failover.move()

    assert held_in(failover, a_job("a"), before=lambda: None, meanwhile=fail_over) == [True, True]


def test_two_runs_of_a_scope_do_not_both_hold_it_after_a_failover(failover: Failover) -> None:
    later, held = a_job("a"), list[bool]()

    def another_begins() -> None:
        failover.move()
        queue = make_queue(failover.url, {"test": Runner()}, lock_seconds=LOCK_SECONDS)
        queue.submit(later)
        held.append(queue.run(later.id))

    assert held_in(failover, a_job("a"), before=failover.promote, meanwhile=another_begins) == [True, False]
    assert held == [True]


def test_a_lock_that_lapsed_is_not_taken_again_from_another_server(failover: Failover, mocker: MockerFixture) -> None:
    seconds = [1000.0]
    for module in (job_slice, job_queue):
        mocker.patch.object(module, "clock", side_effect=lambda: seconds[0])

    def lapse_and_fail_over() -> None:
        failover.promote()
        with redis.Redis(port=failover.servers.replica) as new:
            assert new.delete(f"{PREFIX}lock:a") == 1
        failover.move()
        seconds[0] += LOCK_SECONDS

    assert held_in(failover, a_job("a"), before=lambda: None, meanwhile=lapse_and_fail_over) == [True, False]
