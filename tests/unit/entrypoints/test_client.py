"""The client, and the command `reconcile`, against an API that answers as it is told."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from qontract.entrypoints import cli, client

ACCEPTED = httpx.Response(202, json={"id": "1", "status": "pending", "status_url": "/jobs/1"})
AWAY = httpx.Response(503, json={"title": "Service Unavailable", "detail": "The job queue cannot be reached"})
WAITING = httpx.Response(408, json={"title": "Request Timeout", "status": 408, "detail": "ask again"})
RESULT: dict[str, Any] = {"actions": [], "applied_actions": [], "errors": [], "plan_digest": None, "done": 0, "of": 0}


def ended(status: str = "success", **more: Any) -> httpx.Response:
    return httpx.Response(200, json=RESULT | {"status": status} | more)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_PAUSE_SECONDS", 0.001)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[httpx.Request]]:
    """Answer requests with these, in this order; an exception is raised, and the last one stays."""
    made = httpx.Client

    def answering(*answers: httpx.Response | Exception) -> list[httpx.Request]:
        requests: list[httpx.Request] = []
        left: Iterator[httpx.Response | Exception] = iter(answers)

        def answer(request: httpx.Request) -> httpx.Response:
            requests.append(request)
            following = next(left, answers[-1])
            if isinstance(following, Exception):
                raise following
            return httpx.Response(following.status_code, content=following.content)

        transport = httpx.MockTransport(answer)
        monkeypatch.setattr(httpx, "Client", lambda **options: made(transport=transport, **options))
        return requests

    return answering


Api = Callable[..., list[httpx.Request]]


def reconcile(**options: Any) -> dict[str, Any]:
    return client.reconcile("http://api", "hush", "acme-things", {"things": []}, **{"apply": True, **options})


@pytest.mark.parametrize("apply", [True, False])
def test_the_desired_state_goes_to_its_integration_as_a_dry_run_unless_it_is_to_be_applied(
    api: Api, *, apply: bool
) -> None:
    requests = api(ACCEPTED, ended())
    assert reconcile(apply=apply)["status"] == "success"
    assert [request.url.path for request in requests] == ["/api/v1/integrations/acme-things/reconcile", "/jobs/1"]
    assert json.loads(requests[0].content) == {"things": [], "dry_run": not apply}
    assert requests[0].headers["authorization"] == "Bearer hush"


@pytest.mark.parametrize("status", ["success", "failed", "skipped", "blocked"])
def test_it_waits_while_the_job_is_pending_or_runs(api: Api, status: str) -> None:
    requests = api(ACCEPTED, WAITING, ended("pending"), ended("running"), ended(status))
    assert reconcile()["status"] == status
    assert len(requests) == 5


def test_an_api_that_is_away_while_it_waits_is_asked_again(api: Api) -> None:
    requests = api(ACCEPTED, AWAY, httpx.ConnectError("refused"), WAITING, AWAY, ended())
    assert reconcile()["status"] == "success"
    assert len(requests) == 6


def test_an_api_that_stays_away_is_given_up_at_the_deadline_with_what_it_last_said(api: Api) -> None:
    api(ACCEPTED, AWAY)
    with pytest.raises(client.ClientError, match=r"job 1 has not ended after 0 s; .*The job queue cannot be reached"):
        reconcile(deadline_seconds=0.05)


@pytest.mark.parametrize("answer", [AWAY, httpx.ConnectError("refused"), httpx.Response(502, text="<html>")])
def test_a_desired_state_that_was_not_accepted_is_not_sent_again(api: Api, answer: httpx.Response | Exception) -> None:
    requests = api(answer)
    with pytest.raises(client.ClientError, match="POST /api/v1/integrations/acme-things/reconcile") as refused:
        reconcile()
    assert len(requests) == 1
    assert "hush" not in str(refused.value)


def test_a_job_that_the_api_does_not_know_is_not_waited_for(api: Api) -> None:
    requests = api(ACCEPTED, httpx.Response(404, json={"title": "Not Found", "detail": "No such job"}))
    with pytest.raises(client.ClientError, match="404 Not Found: No such job"):
        reconcile()
    assert len(requests) == 2


def test_who_looks_on_is_told_how_far_the_job_is(api: Api) -> None:
    api(ACCEPTED, WAITING, ended("running", done=1, of=3), WAITING, ended("running", done=2, of=3), ended())
    told: list[tuple[int, int]] = []
    assert reconcile(progress=lambda done, of: told.append((done, of)))["status"] == "success"
    assert told == [(1, 3), (2, 3)]


def test_a_job_that_ended_between_two_questions_is_not_asked_for_again(api: Api) -> None:
    requests = api(ACCEPTED, WAITING, ended("success", done=3, of=3))
    assert reconcile(progress=lambda *_: None)["status"] == "success"
    assert len(requests) == 3


def test_an_integration_of_any_name_makes_a_path_of_its_own(api: Api) -> None:
    requests = api(ACCEPTED, ended())
    client.reconcile("http://api", "hush", "../x?y", {}, apply=False)
    assert requests[0].url.raw_path == b"/api/v1/integrations/..%2Fx%3Fy/reconcile"


def command(tmp_path: Path, *options: str, desired: str = '{"things": []}') -> Any:
    (tmp_path / "desired.json").write_text(desired)
    arguments = ["reconcile", "acme-things", str(tmp_path / "desired.json"), "--token", "hush", *options]
    return CliRunner().invoke(cli.app, arguments)


@pytest.mark.parametrize(("status", "code"), [("success", 0), ("failed", 1), ("skipped", 1), ("blocked", 3)])
def test_the_exit_code_says_how_it_ended(api: Api, tmp_path: Path, status: str, code: int) -> None:
    api(ACCEPTED, ended(status, plan_digest="9f86"))
    assert command(tmp_path).exit_code == code


def test_why_and_which_plan_is_accepted_are_in_the_request(api: Api, tmp_path: Path) -> None:
    requests = api(ACCEPTED, ended())
    command(tmp_path, "--apply", "--reason", "new member", "--accept-plan", "9f86")
    sent = json.loads(requests[0].content)
    assert sent == {"things": [], "dry_run": False, "reason": "new member", "accept_plan": "9f86"}


def test_a_blocked_plan_is_shown_with_the_command_that_accepts_it(api: Api, tmp_path: Path) -> None:
    api(ACCEPTED, ended("blocked", plan_digest="9f86", errors=["one: blocked: too much"]))
    done = command(tmp_path, "--reason", "it's planned", "--api-url", "http://api")
    file = tmp_path / "desired.json"
    options = "--apply --api-url http://api --reason 'it'\"'\"'s planned' --accept-plan 9f86"
    assert f"qontract reconcile acme-things {file} {options}" in done.stdout
    assert "hush" not in done.stdout


def test_as_json_the_whole_result_is_printed_and_nothing_else(api: Api, tmp_path: Path) -> None:
    api(ACCEPTED, ended("blocked", plan_digest="9f86"))
    done = command(tmp_path, "--json")
    assert json.loads(done.stdout) == RESULT | {"status": "blocked", "plan_digest": "9f86"}
    assert done.exit_code == 3


@pytest.mark.parametrize(("desired", "said"), [("workspaces: []", "not JSON"), ("[]", "not a JSON object")])
def test_a_file_that_is_no_json_object_is_one_line(api: Api, tmp_path: Path, desired: str, said: str) -> None:
    requests = api(ACCEPTED)
    done = command(tmp_path, desired=desired)
    assert (done.exit_code, requests) == (1, [])
    assert said in done.output
