"""The commands for jobs with a token: they ask the API, which answers as it is told."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from qontract.domain.job_views import JobView
from qontract.domain.jobs import JobResult, JobStatus
from qontract.entrypoints import cli
from qontract.entrypoints.presenters.jobs import listed, record
from tests.support.answering_api import Api, answering, problem

ID = "3b9d7441-20de-4c12-8181-4435fca8de5f"
NOW = datetime.now(UTC)
ACTIONS = tuple(
    {"action_type": "change", "subject": f"acme/team-{n}", "summary": "old → new", "creates": False, "removes": []}
    for n in range(3)
)
VIEW = JobView(
    ID,
    JobStatus.RUNNING,
    integration="slack-usergroups",
    scopes=("acme",),
    submitted_at=NOW - timedelta(minutes=3),
    submitted_by="alice@sre",
    reason="she left",
    began_at=NOW - timedelta(minutes=2),
    attempt=1,
    slice=2,
    worker_alive=True,
    result=JobResult(status=JobStatus.RUNNING, done=2, of=3, actions=ACTIONS, applied_actions=ACTIONS[:2]),
)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    return answering(monkeypatch)


def jobs(*arguments: str) -> Any:
    return CliRunner().invoke(cli.app, ["jobs", *arguments, "--token", "hush"])


def ended(status: JobStatus, *errors: str, digest: str | None = None, **more: Any) -> JobView:
    result = VIEW.result.model_copy(update={"status": status, "errors": errors, "plan_digest": digest})
    return replace(VIEW, status=status, ended_at=NOW, worker_alive=None, result=result, **more)


def shown(api: Api, view: JobView) -> str:
    api(httpx.Response(200, json=record(view, whole=True)))
    done = jobs("show", ID)
    assert done.exit_code == 0, done.output
    return str(done.stdout)


def test_a_list_asks_for_what_the_options_say(api: Api) -> None:
    requests = api(httpx.Response(200, json={"jobs": [record(VIEW, whole=False)]}))
    done = jobs("list", "--integration", "slack-usergroups", "--status", "running", "--limit", "5", "--since", "1h")
    assert done.stdout.splitlines()[1].split()[0] == ID
    assert "running 2/3" in done.stdout
    [request] = requests
    assert request.headers["authorization"] == "Bearer hush"
    params = dict(request.url.params)
    assert abs(datetime.fromisoformat(params.pop("since")) - NOW + timedelta(hours=1)) < timedelta(minutes=50)
    assert params == {"integration": "slack-usergroups", "status": "running", "limit": "5"}


@pytest.mark.parametrize("columns", [80, 100, 200])
def test_a_list_fits_the_terminal_and_has_the_ids_whole(columns: int) -> None:
    records = [record(replace(VIEW, scopes=("acme",) * 20, submitted_by="x" * 90), whole=False)]
    heading, line = listed(records, columns)
    assert line.startswith(ID)
    assert len(line) <= columns
    assert ("BY" in heading) is (columns >= 100)
    assert "running 2/3" in line


def test_on_a_narrow_terminal_the_scope_of_a_job_is_whole() -> None:
    _, line = listed([record(VIEW, whole=False)], 80)
    assert line.endswith("  acme")
    _, line = listed([record(replace(VIEW, scopes=("a-very-long-name-of-acme",)), whole=False)], 80)
    assert line.endswith("-of-acme")


@pytest.mark.parametrize("status", [JobStatus.PENDING, JobStatus.RUNNING])
def test_a_list_has_the_word_that_the_filter_takes_also_between_slices(status: JobStatus) -> None:
    _, line = listed([record(replace(VIEW, status=status, worker_alive=None), whole=False)], None)
    assert f"  {status} 2/3  " in line


def test_a_scope_may_be_written_as_status_writes_it(api: Api) -> None:
    requests = api(httpx.Response(200, json={"jobs": []}), httpx.Response(200, json={"jobs": []}))
    assert jobs("list", "--scope", "slack-usergroups/acme").exit_code == 0
    assert jobs("list", "--scope", "acme").exit_code == 0
    place = {"integration": "slack-usergroups", "scope": "acme", "limit": "50"}
    assert [dict(request.url.params) for request in requests] == [place, {"scope": "acme", "limit": "50"}]


def test_a_job_that_runs_is_shown_with_what_is_applied_and_how_to_stop_it(api: Api) -> None:
    said = shown(api, VIEW)
    assert "  asked by  alice@sre\n  reason    she left\n  to do     slack-usergroups: acme\n" in said
    assert "  worker    slice 2, attempt 1; it lives" in said
    assert "  applied   2 of 3 actions" in said
    assert f"  next      to stop it: qontract jobs cancel {ID}" in said
    assert said.count("  applied\n") == 2
    assert said.count("not applied\n") == 1


@pytest.mark.parametrize(
    ("view", "line"),
    [
        (ended(JobStatus.BLOCKED, "x", digest="d1"), "FILE --apply --accept-plan d1"),
        (ended(JobStatus.FAILED, "x"), "the same request again does the rest"),
        (replace(VIEW, worker_alive=False), "its worker shows no life"),
        (replace(VIEW, cancelled_by="bob"), "it stops before its next action"),
        (replace(VIEW, began_at=None, status=JobStatus.PENDING), "is a worker alive?"),
        (replace(VIEW, status="unreadable", unreadable="why"), "QAPI_AUTH__SECRET"),
    ],
    ids=["blocked", "failed", "lost", "cancelled", "waiting", "unreadable"],
)
def test_what_to_do_next_is_said(api: Api, view: JobView, line: str) -> None:
    assert line in next(text for text in shown(api, view).splitlines() if text.startswith("  next "))


def test_the_end_of_a_cancelled_job_is_told_with_who_and_what_was_applied(api: Api) -> None:
    said = shown(api, ended(JobStatus.FAILED, "cancelled by bob", cancelled_by="bob"))
    assert "  cancelled by bob" in said
    assert "error: cancelled by bob" in said


def test_between_slices_it_is_said_when_it_goes_on(api: Api) -> None:
    due = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
    said = shown(api, replace(VIEW, worker_alive=None, due_at=due))
    assert "  worker    none now, after slice 2; it goes on at 09:30:00 UTC" in said


def test_nothing_that_a_job_says_reaches_the_terminal_as_it_is(api: Api) -> None:
    hostile = "\x1b[2J\n"
    view = replace(VIEW, scopes=(hostile,), submitted_by=hostile, reason=hostile, integration=hostile)
    assert all(line.isprintable() for line in shown(api, view).split("\n"))
    api(httpx.Response(200, json={"jobs": [record(view, whole=False)]}))
    assert all(line.isprintable() for line in jobs("list").stdout.split("\n"))


@pytest.mark.parametrize(
    ("outcome", "said"), [("cancelled", "nothing more of it is done"), ("stopping", "it stops before its next action")]
)
def test_a_cancel_asks_the_api_and_says_what_comes_of_it(api: Api, outcome: str, said: str) -> None:
    requests = api(httpx.Response(200, json=record(VIEW, whole=True)), httpx.Response(200, json={"outcome": outcome}))
    done = jobs("cancel", ID, "--yes")
    assert done.exit_code == 0
    assert said in done.stdout
    assert [(request.method, request.url.path) for request in requests] == [
        ("GET", f"/api/v1/jobs/{ID}"),
        ("POST", f"/api/v1/jobs/{ID}/cancel"),
    ]


def test_a_second_cancel_asks_nobody_and_says_who_had_cancelled_it(api: Api) -> None:
    view = replace(VIEW, cancelled_by="night")
    api(httpx.Response(200, json=record(view, whole=True)), httpx.Response(200, json={"outcome": "stopping"}))
    done = jobs("cancel", ID)
    assert (done.exit_code, done.stdout) == (0, f"already cancelled by night; to see it: qontract jobs show {ID}\n")


def test_without_a_yes_nothing_is_cancelled(api: Api) -> None:
    requests = api(httpx.Response(200, json=record(VIEW, whole=True)))
    done = jobs("cancel", ID)
    assert done.exit_code == 2
    assert "give --yes" in done.stderr
    assert len(requests) == 1


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (problem(404, "Not Found", "No such job"), "qontract: 404 Not Found: No such job"),
        (
            problem(409, "Conflict", "The job cannot be cancelled"),
            "qontract: 409 Conflict: The job cannot be cancelled",
        ),
        (httpx.Response(200, json={"other": 1}), "does not answer as qontract's API does"),
        (httpx.ConnectError("refused"), "nothing answers at http://localhost:8080"),
    ],
    ids=["unknown", "ended", "another", "away"],
)
def test_what_goes_wrong_is_one_line(api: Api, answer: Any, said: str) -> None:
    api(answer)
    for arguments in (["show", ID], ["list"], ["cancel", ID, "--yes"]):
        done = jobs(*arguments)
        assert (done.exit_code, len(done.output.splitlines())) == (1, 1), done.output
        assert said in done.output
        assert "hush" not in done.output
