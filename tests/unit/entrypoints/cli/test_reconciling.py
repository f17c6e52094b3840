"""The command `reconcile`, against an API that answers as it is told."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from qontract.entrypoints import cli
from qontract.entrypoints.cli import reconciling
from tests.support.answering_api import ACCEPTED, RESULT, WAITING, Api, answering, ended, problem

ACTION = {"action_type": "change", "subject": "one/x", "summary": "old → new", "creates": False, "removes": []}
PLANNED = ended(actions=[ACTION], plan_digest="9f86")
APPLIED = ended(actions=[ACTION], applied_actions=[ACTION], plan_digest="9f86")


LOST = problem(404, "Not Found", "No such job")


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    return answering(monkeypatch)


@pytest.fixture
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciling, "_on_a_terminal", lambda: True)


def command(
    tmp_path: Path, *options: str, desired: str = '{"things": []}', integration: str = "acme-things", say: str = ""
) -> Any:
    (tmp_path / "desired.json").write_text(desired)
    arguments = ["reconcile", integration, str(tmp_path / "desired.json"), "--token", "hush", *options]
    return CliRunner().invoke(cli.app, arguments, input=say)


def sent(requests: list[httpx.Request]) -> list[Any]:
    return [json.loads(request.content) for request in requests if request.method == "POST"]


@pytest.mark.parametrize(("status", "code"), [("success", 0), ("failed", 1), ("skipped", 1), ("blocked", 3)])
def test_the_exit_code_says_how_it_ended(api: Api, tmp_path: Path, status: str, code: int) -> None:
    api(ACCEPTED, ended(status, plan_digest="9f86"))
    assert command(tmp_path).exit_code == code
    api(ACCEPTED, ended(status, plan_digest="9f86"))
    assert command(tmp_path, "--detailed-exitcode").exit_code == code


@pytest.mark.parametrize(("options", "code"), [((), 0), (("--detailed-exitcode",), 2)])
def test_a_detailed_exit_code_says_whether_there_are_changes(
    api: Api, tmp_path: Path, options: tuple[str, ...], code: int
) -> None:
    api(ACCEPTED, PLANNED)
    assert command(tmp_path, *options).exit_code == code


def test_the_id_of_the_job_is_said_at_once_and_beside_the_result(api: Api, tmp_path: Path) -> None:
    api(ACCEPTED, LOST)
    said = "job 1, a dry run, is accepted"
    assert command(tmp_path).stderr.splitlines()[0] == said
    api(ACCEPTED, LOST)
    done = command(tmp_path, "--apply", "--yes")
    assert (done.stdout, done.stderr.splitlines()[0]) == ("", said.replace(", a dry run,", ""))


def test_a_job_that_was_lost_is_submitted_again_which_is_said(api: Api, tmp_path: Path) -> None:
    requests = api(ACCEPTED, WAITING, LOST, ACCEPTED, ended())
    result = command(tmp_path, "--apply", "--yes")
    assert result.exit_code == 0
    assert "Redis may have failed over" in result.stderr
    assert sent(requests) == [{"things": [], "dry_run": False}] * 2


def test_a_job_that_is_lost_each_time_is_given_up(api: Api, tmp_path: Path) -> None:
    requests = api(ACCEPTED, LOST, ACCEPTED, LOST, ACCEPTED, LOST)
    result = command(tmp_path)
    assert result.exit_code == 1
    assert len(sent(requests)) == 3
    assert "the job was lost 3 times. Ask `qontract status` whether Redis is well" in result.stderr


def test_a_plan_is_shown_with_the_command_that_applies_it(api: Api, tmp_path: Path) -> None:
    api(ACCEPTED, PLANNED)
    lines = command(tmp_path, "--reason", "it's planned").stdout.splitlines()
    assert "  ~ x  change" in lines
    assert lines[-2] == "Nothing is changed yet. To apply it:"
    file = tmp_path / "desired.json"
    assert lines[-1] == f"  qontract reconcile acme-things {file} --reason 'it'\"'\"'s planned' --apply"


def test_a_plan_with_errors_is_shown_with_the_command_that_applies_the_rest(api: Api, tmp_path: Path) -> None:
    api(ACCEPTED, ended("failed", actions=[ACTION], errors=["one: no such user"], plan_digest="9f86"))
    lines = command(tmp_path).stdout.splitlines()
    assert lines[-2:] == [
        "Nothing is changed yet. To apply it, without what is in error:",
        f"  qontract reconcile acme-things {tmp_path / 'desired.json'} --apply",
    ]


@pytest.mark.parametrize(
    "result", [ended("failed", errors=["x"]), ended("skipped", actions=[ACTION]), ended("blocked", actions=[ACTION])]
)
def test_no_command_is_shown_that_would_apply_nothing(api: Api, tmp_path: Path, result: httpx.Response) -> None:
    api(ACCEPTED, result)
    assert "Nothing is changed yet" not in command(tmp_path).stdout


def test_in_a_pipe_nothing_is_wrapped(api: Api, tmp_path: Path) -> None:
    error, summary = "word " * 40 + "end", "+somebody " * 40 + "-bob"
    action = ACTION | {"summary": summary, "removes": ["bob"]}
    api(ACCEPTED, ended("failed", actions=[action], errors=[error], plan_digest="9f86"))
    lines = command(tmp_path).stdout.splitlines()
    assert f"error: {error}" in lines
    assert f"      {summary}" in lines


def test_why_and_which_plan_is_accepted_are_in_the_request(api: Api, tmp_path: Path) -> None:
    requests = api(ACCEPTED, ended())
    command(tmp_path, "--apply", "--yes", "--reason", "new member", "--accept-plan", "9f86")
    assert sent(requests) == [{"things": [], "dry_run": False, "reason": "new member", "accept_plan": "9f86"}]


def test_a_blocked_plan_is_shown_with_the_command_that_accepts_it(api: Api, tmp_path: Path) -> None:
    api(ACCEPTED, ended("blocked", plan_digest="9f86", errors=["one: blocked: too much"]))
    done = command(tmp_path, "--reason", "it's planned", "--api-url", "http://api")
    file = tmp_path / "desired.json"
    options = "--api-url http://api --reason 'it'\"'\"'s planned' --apply --accept-plan 9f86"
    assert f"qontract reconcile acme-things {file} {options}" in done.stdout
    assert "hush" not in done.output


def test_as_json_the_whole_result_is_printed_and_nothing_else(api: Api, tmp_path: Path) -> None:
    api(ACCEPTED, ended("blocked", plan_digest="9f86"))
    done = command(tmp_path, "--json")
    assert json.loads(done.stdout) == RESULT | {"status": "blocked", "plan_digest": "9f86"}
    assert done.exit_code == 3


def test_without_a_terminal_nothing_is_applied_that_was_not_said_yes_to(api: Api, tmp_path: Path) -> None:
    requests = api(ACCEPTED, APPLIED)
    done = command(tmp_path, "--apply", say="y\n")
    assert (done.exit_code, requests) == (2, [])
    assert done.stderr.strip().endswith("this is no terminal: add --yes to have it done")


@pytest.mark.usefixtures("_terminal")
def test_on_a_terminal_the_plan_is_shown_and_applied_after_a_yes(api: Api, tmp_path: Path) -> None:
    requests = api(ACCEPTED, PLANNED, ACCEPTED, APPLIED)
    done = command(tmp_path, "--apply", say="y\n")
    assert [request["dry_run"] for request in sent(requests)] == [True, False]
    assert done.stdout.count("old → new") == 2
    assert "1 changed." in done.stdout
    assert done.exit_code == 0
    assert "not what was shown" not in done.output


@pytest.mark.usefixtures("_terminal")
@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_without_a_yes_nothing_is_applied(api: Api, tmp_path: Path, answer: str) -> None:
    requests = api(ACCEPTED, PLANNED)
    done = command(tmp_path, "--apply", say=answer)
    assert done.exit_code == 1
    assert [request["dry_run"] for request in sent(requests)] == [True]


@pytest.mark.usefixtures("_terminal")
@pytest.mark.parametrize(("planned", "code"), [(ended(), 0), (ended("failed"), 1), (ended("blocked"), 3)])
def test_nothing_is_asked_if_there_is_nothing_to_say_yes_to(
    api: Api, tmp_path: Path, planned: httpx.Response, code: int
) -> None:
    requests = api(ACCEPTED, planned)
    done = command(tmp_path, "--apply", say="y\n")
    assert done.exit_code == code
    assert len(sent(requests)) == 1
    assert "Apply this plan?" not in done.output


@pytest.mark.usefixtures("_terminal")
def test_what_was_applied_and_had_not_been_shown_is_said(api: Api, tmp_path: Path) -> None:
    api(ACCEPTED, PLANNED, ACCEPTED, ended(actions=[ACTION], applied_actions=[ACTION], plan_digest="aaaa"))
    assert "What was applied is not what was shown" in command(tmp_path, "--apply", say="y\n").stderr


@pytest.mark.usefixtures("_terminal")
def test_with_json_the_question_and_the_plan_are_beside_the_result(api: Api, tmp_path: Path) -> None:
    api(ACCEPTED, PLANNED, ACCEPTED, APPLIED)
    done = command(tmp_path, "--apply", "--json", say="y\n")
    assert json.loads(done.stdout.removeprefix(" y\n"))["applied_actions"] == [ACTION]
    assert "old → new" in done.stderr


def test_who_does_not_wait_gets_the_address_of_the_job(api: Api, tmp_path: Path) -> None:
    requests = api(ACCEPTED)
    done = command(tmp_path, "--apply", "--yes", "--no-wait", "--api-url", "http://api/")
    assert (done.exit_code, done.stdout, len(requests)) == (0, "http://api/jobs/1\n", 1)
    assert json.loads(command(tmp_path, "--no-wait", "--json").stdout)["id"] == "1"


def test_the_page_for_a_pull_request_is_written(api: Api, tmp_path: Path) -> None:
    api(ACCEPTED, PLANNED)
    page = tmp_path / "plan.md"
    assert command(tmp_path, "--out", str(page)).exit_code == 0
    assert "! x: change\n!     old → new" in page.read_text()


def test_a_page_that_cannot_be_written_is_refused_before_anything_is_sent(api: Api, tmp_path: Path) -> None:
    requests = api(ACCEPTED, PLANNED)
    done = command(tmp_path, "--out", str(tmp_path / "nowhere" / "plan.md"))
    assert (done.exit_code, requests) == (1, [])
    assert "there is no such directory" in done.stderr


@pytest.mark.parametrize(
    ("desired", "said"),
    [
        ("workspaces: []", "desired.json:1: not JSON: Expecting value"),
        ("[]", "put it under `workspaces:`"),
        ('{"workspace": []}', "did you mean `workspaces`?"),
        ("", "it is empty"),
    ],
)
def test_a_file_that_is_no_desired_state_is_one_line_and_nothing_is_sent(
    api: Api, tmp_path: Path, desired: str, said: str
) -> None:
    requests = api(ACCEPTED)
    done = command(tmp_path, desired=desired, integration="slack-usergroups")
    assert (done.exit_code, requests) == (1, [])
    assert done.stderr.startswith("qontract: ")
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr


def test_what_the_api_finds_wrong_is_told_with_the_line_of_the_file(api: Api, tmp_path: Path) -> None:
    errors = [{"pointer": "/things/1/size", "msg": "Field required"}, {"parameter": "x", "msg": "no \x1b[2J"}]
    body = {"title": "Unprocessable", "status": 422, "detail": "not expected", "errors": errors}
    api(httpx.Response(422, json=body))
    lines = command(tmp_path, desired='{"things": [\n{"size": 1},\n{}\n]}').stderr.splitlines()
    assert lines[0] == "qontract: 422 Unprocessable: not expected"
    assert lines[1] == f"  {tmp_path / 'desired.json'}:3: Field required (/things/1/size)"
    assert lines[2] == "  x: no  [2J ()"


def test_several_files_are_one_request(api: Api, tmp_path: Path) -> None:
    requests = api(ACCEPTED, ended())
    (tmp_path / "more.yaml").write_text("things: [{name: two}]")
    command(tmp_path, str(tmp_path / "more.yaml"), desired='{"things": [{"name": "one"}]}')
    assert sent(requests) == [{"things": [{"name": "one"}, {"name": "two"}], "dry_run": True}]


@pytest.mark.usefixtures("_terminal")
def test_a_plan_of_which_nothing_could_be_listed_is_asked_for_as_any_and_has_the_exit_code_of_changes(
    api: Api, tmp_path: Path
) -> None:
    requests = api(ACCEPTED, ended(actions_left_out=2, plan_digest="9f86"))
    assert "Apply this plan?" in command(tmp_path, "--apply", say="n\n").output
    assert len(sent(requests)) == 1
    api(ACCEPTED, ended(actions_left_out=2, plan_digest="9f86"))
    assert command(tmp_path, "--detailed-exitcode").exit_code == 2


def test_too_many_requests_are_a_line_and_the_desired_state_is_sent_again(api: Api, tmp_path: Path) -> None:
    requests = api(problem(429, "Too Many Requests", "later"), ACCEPTED, ended())
    done = command(tmp_path)
    assert done.exit_code == 0
    assert len(sent(requests)) == 2
    assert done.stderr.splitlines()[0] == "the API asks for fewer requests, and is asked again"
