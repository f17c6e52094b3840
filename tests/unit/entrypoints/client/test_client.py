"""The client, against an API that answers as it is told."""

import json
from typing import Any

import httpx
import pytest

from qontract.entrypoints import client
from tests.support.answering_api import ACCEPTED, AWAY, WAITING, Api, answering, ended, problem


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    return answering(monkeypatch)


def reconcile(**options: Any) -> dict[str, Any]:
    return client.reconcile("http://api", "hush", "acme-things", {"things": []}, **{"apply": True, **options})


def busy(seconds: object) -> httpx.Response:
    detail = "These are too many requests for one subject."
    return problem(429, "Too Many Requests", detail, retry_after=str(seconds))


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


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that the client makes, which take no time here."""
    made: list[float] = []
    monkeypatch.setattr(client, "_pause", made.append)
    return made


@pytest.mark.parametrize("answer", [busy(7), problem(503, "Service Unavailable", "later", retry_after="7")])
def test_an_api_that_says_when_to_come_again_while_it_waits_is_asked_then(
    api: Api, pauses: list[float], answer: httpx.Response
) -> None:
    told: list[str] = []
    requests = api(ACCEPTED, answer, ended())
    assert reconcile(progress=told.append)["status"] == "success"
    assert (pauses, len(requests)) == ([7], 3)
    [line] = told
    assert line.endswith(", and is asked again in 7 s")


def test_a_desired_state_that_was_one_too_many_is_sent_again_when_the_api_says_and_a_line_says_so(
    api: Api, pauses: list[float]
) -> None:
    told: list[str] = []
    requests = api(busy(5), busy(9), ACCEPTED, ended())
    assert reconcile(progress=told.append)["status"] == "success"
    assert [request.method for request in requests] == ["POST", "POST", "POST", "GET"]
    assert requests[0].content == requests[2].content
    assert pauses == [5, 9]
    assert told == [f"the API asks for fewer requests, and is asked again in {seconds} s" for seconds in (5, 9)]


def test_a_desired_state_that_is_one_too_many_for_long_is_given_up_with_what_the_api_says(api: Api) -> None:
    requests = api(busy(50))
    with pytest.raises(client.ClientError, match="429 Too Many Requests: These are too many"):
        client.submit("http://api", "hush", "acme-things", {}, apply=True, deadline_seconds=20)
    assert len(requests) == 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0.001),
        ("7", 7),
        ("3600", 60),
        ("9" * 400, 60),
        ("-5", 0.001),
        ("soon", 0.001),
        ("", 0.001),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.001),
        ("Wed, 21 Oct 2099 07:28:00 GMT", 60),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_pause_is_neither_none_nor_long_whatever_the_api_asks_for(
    api: Api, pauses: list[float], header: str, seconds: float
) -> None:
    api(busy(header), ACCEPTED, ended())
    assert reconcile()["status"] == "success"
    assert pauses == [seconds]


@pytest.mark.parametrize("answer", [AWAY, httpx.ConnectError("refused"), httpx.Response(502, text="<html>")])
def test_a_desired_state_that_was_not_accepted_is_not_sent_again(api: Api, answer: httpx.Response | Exception) -> None:
    requests = api(answer)
    with pytest.raises(client.ClientError) as refused:
        reconcile()
    assert len(requests) == 1
    assert "hush" not in str(refused.value)


def test_a_job_that_cannot_be_asked_for_goes_on_which_is_said(api: Api) -> None:
    requests = api(ACCEPTED, problem(500, "Internal Server Error", "A bug"))
    with pytest.raises(client.ClientError, match="job 1 was accepted, and goes on: 500 Internal Server Error: A bug"):
        reconcile()
    assert len(requests) == 2


def test_a_job_that_the_api_knows_no_more_is_forgotten_and_one_behind_a_proxy_is_not(api: Api) -> None:
    api(ACCEPTED, WAITING, problem(404, "Not Found", "No such job"))
    with pytest.raises(client.ForgottenError, match="job 1 was accepted, and is not known any more: 404 Not Found"):
        reconcile()
    api(ACCEPTED, httpx.Response(404, text="no backend"))
    with pytest.raises(client.ClientError, match="job 1 was accepted, and goes on: ") as raised:
        reconcile()
    assert not isinstance(raised.value, client.ForgottenError)


@pytest.mark.parametrize("answer", [{}, {"id": 1, "status_url": "/x"}, {"id": "1"}])
def test_an_acceptance_without_a_job_is_none_of_qontract(api: Api, answer: dict[str, Any]) -> None:
    api(httpx.Response(200, json=answer))
    with pytest.raises(client.ClientError, match="http://api does not answer as qontract's API does"):
        reconcile()


def test_what_is_wrong_with_the_request_is_there_with_its_pointers(api: Api) -> None:
    errors = [{"pointer": "/things/0", "msg": "Field required"}, "no object"]
    api(httpx.Response(422, json={"title": "x", "status": 422, "detail": "not expected", "errors": errors}))
    with pytest.raises(client.ClientError) as refused:
        reconcile()
    assert refused.value.errors == (errors[0],)


def test_who_looks_on_is_told_how_far_the_job_is(api: Api) -> None:
    before = [WAITING, ended("pending"), WAITING, ended("running"), WAITING, ended("running", done=1, of=3), AWAY]
    api(ACCEPTED, *before, WAITING, ended("running", done=2, of=3), ended())
    told: list[str] = []
    assert reconcile(progress=told.append)["status"] == "success"
    assert told == [
        "waiting for a worker",
        "a worker makes the plan",
        "1 of 3 actions are done",
        "the API is away, and is asked again",
        "2 of 3 actions are done",
    ]


def test_a_job_that_ended_between_two_questions_is_not_asked_for_again(api: Api) -> None:
    requests = api(ACCEPTED, WAITING, ended("success", done=3, of=3))
    assert reconcile(progress=lambda _: None)["status"] == "success"
    assert len(requests) == 3


def test_an_integration_of_any_name_makes_a_path_of_its_own(api: Api) -> None:
    requests = api(ACCEPTED, ended())
    client.reconcile("http://api", "hush", "../x?y", {}, apply=False)
    assert requests[0].url.raw_path == b"/api/v1/integrations/..%2Fx%3Fy/reconcile"
