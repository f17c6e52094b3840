"""What became of a job, and of its part in what somebody asks about."""

import pytest

from qontract.domain.explanations import EventStatus
from qontract.domain.job_views import UNREADABLE, JobView
from qontract.domain.jobs import JobResult, JobStatus
from qontract.domain.name_history import explain_job, places_of

JOIN = {"action_type": "update_users", "subject": "acme/team-a", "users_to_add": ["alice"]}
LEAVE = {"action_type": "update_users", "subject": "acme/team-b", "users_to_remove": ["bob"]}


def a_view(status: JobStatus, *, dry_run: bool = False, applied: int = 0, **result: object) -> JobView:
    known = {"actions": (JOIN, LEAVE), "applied_actions": (JOIN, LEAVE)[:applied], "of": 2, "done": applied} | result
    return JobView("1", status, dry_run=dry_run, result=JobResult.model_validate({"status": status} | known))


@pytest.mark.parametrize(
    ("view", "status", "says"),
    [
        (a_view(JobStatus.PENDING), EventStatus.NOT_DONE_YET, "waits"),
        (a_view(JobStatus.RUNNING, applied=1), EventStatus.NOT_DONE_YET, "1 of 2"),
        (a_view(JobStatus.BLOCKED, errors=("too many",), plan_digest="9f"), EventStatus.BLOCKED_BY_GUARD, "too many"),
        (a_view(JobStatus.SKIPPED), EventStatus.REFUSED, "a later job"),
        (a_view(JobStatus.SKIPPED, errors=("see 9",)), EventStatus.REFUSED, "had begun in its scope: see 9"),
        (a_view(JobStatus.FAILED, applied=1), EventStatus.ACTION_FAILED, "1 of 2 actions applied: nothing says why"),
        (a_view(JobStatus.FAILED, applied=1, errors=("no such user",)), EventStatus.ACTION_FAILED, "no such user"),
        (a_view(JobStatus.SUCCESS, dry_run=True), EventStatus.DRY_RUN, "2 actions"),
        (a_view(JobStatus.SUCCESS, actions=()), EventStatus.NEVER_PLANNED, "all was as desired"),
        (a_view(JobStatus.SUCCESS, applied=2), EventStatus.PUBLISHED, "2 actions applied"),
        (JobView("1", UNREADABLE, unreadable="not signed"), EventStatus.UNKNOWN, "not signed"),
    ],
    ids=lambda value: value.value if isinstance(value, EventStatus) else "",
)
def test_a_job_has_a_fate_and_a_reason(view: JobView, status: EventStatus, says: str) -> None:
    note = explain_job(view)
    assert note.status is status
    assert says in note.reason


def test_a_dry_run_says_how_its_plan_is_applied() -> None:
    assert "--apply" in str(explain_job(a_view(JobStatus.SUCCESS, dry_run=True)).next)


def test_a_plan_that_a_guard_stopped_says_how_it_is_accepted() -> None:
    assert "--accept-plan 9f" in str(explain_job(a_view(JobStatus.BLOCKED, plan_digest="9f")).next)


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("acme/team-a", EventStatus.PUBLISHED),
        ("alice", EventStatus.PUBLISHED),
        ("acme/team-b", EventStatus.ACTION_FAILED),
        ("bob", EventStatus.ACTION_FAILED),
        ("acme/team-c", EventStatus.NEVER_PLANNED),
    ],
)
def test_the_part_of_a_subject_or_a_person_has_a_fate_of_its_own(name: str, status: EventStatus) -> None:
    errors = ("something else", "acme/team-b: bob is not there")
    note = explain_job(a_view(JobStatus.FAILED, applied=1, errors=errors), name)
    assert note.status is status
    if status is EventStatus.ACTION_FAILED:
        assert "acme/team-b" in note.reason


def test_what_a_result_leaves_out_is_not_known_to_be_unplanned() -> None:
    note = explain_job(a_view(JobStatus.SUCCESS, actions_left_out=3), "acme/team-c")
    assert note.status is EventStatus.UNKNOWN
    assert "qontract events list --subject" in str(note.next)


def test_a_name_is_found_anywhere_in_data_however_deep() -> None:
    deep: object = "alice"
    for _ in range(5000):
        deep = [deep]
    data = {"users_to_add": ["bob", "alice"], "meta": {"owner": "alice"}, "deep": deep, "alice": 1}
    assert sorted(places_of(data, "alice")) == ["deep", "owner", "users_to_add"]
    assert list(places_of(None, "alice")) == []


def test_of_data_without_end_a_part_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qontract.domain.name_history._MAX_VALUES", 3)
    assert list(places_of({"users": ["alice"] * 10}, "alice")) == ["users"]
