"""The record of a job: what one slice hands to the next one, and what the result says."""

from typing import Any

from qontract.application.job_record import JobRecord, accepted
from qontract.domain.integration import Plan
from qontract.domain.jobs import JobProgress
from qontract.domain.slack_usergroups import UpdateUsers

LOCK = "slack-usergroups/coreos"


def removal(group: str, *names: str) -> UpdateUsers:
    nobody: dict[str, Any] = dict.fromkeys(("users", "user_ids", "users_to_add"), ())
    return UpdateUsers(workspace="coreos", usergroup=group, usergroup_id="S1", users_to_remove=names, **nobody)


ONE, TWO = removal("team-a", "alice"), removal("team-b", "bob", "carol")
PLAN = Plan((ONE, TWO), 20)


def test_the_digest_of_a_plan_that_was_let_pass_is_told_once_and_accepts_that_plan() -> None:
    record = JobRecord(JobProgress())
    record.allow(LOCK, PLAN)
    record.allow(LOCK, Plan((TWO,), 19))  # what a later slice has left of it
    assert record.final().result.plan_digest == PLAN.digest
    assert accepted(PLAN, record.final().result.plan_digest)


def test_where_nothing_is_to_be_done_there_is_no_digest() -> None:
    record = JobRecord(JobProgress())
    record.allow(LOCK, Plan((), 20))
    assert record.final().result.plan_digest is None


def test_what_was_removed_may_not_be_removed_again_and_is_no_membership_any_more() -> None:
    record = JobRecord(JobProgress())
    record.allow(LOCK, PLAN)
    record.apply(LOCK, TWO)
    progress = record.running()
    assert (progress.removals, progress.memberships) == ({LOCK: 1}, {LOCK: 18})


def test_a_scope_that_is_blocked_in_a_later_slice_is_not_known_by_how_many_memberships_it_has() -> None:
    record = JobRecord(JobProgress())
    record.allow(LOCK, PLAN)
    record.block(LOCK, PLAN, "coreos: blocked")
    assert record.running().memberships == {}


def test_slices_that_do_nothing_are_counted_until_one_does_something() -> None:
    first = JobRecord(JobProgress()).running()
    second = JobRecord(first).running()
    record = JobRecord(second)
    record.plan(PLAN)
    record.apply(LOCK, ONE)
    assert [one.idle_slices for one in (first, second, record.running())] == [1, 2, 0]
