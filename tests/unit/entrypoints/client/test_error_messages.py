"""What a person is told when the API does not do what it was asked."""

import json
from base64 import urlsafe_b64encode
from datetime import timedelta
from typing import Any

import httpx
import pytest

from qontract.entrypoints.client import error_messages
from qontract.entrypoints.tokens import issue_token
from tests.support.answering_api import problem

URL = "http://api:8080/api/v1/integrations/acme-things/reconcile"
INVALID = "The token is not valid, or not any more."


def refused(answer: httpx.Response, token: str = "hush") -> str:
    answer.request = httpx.Request("POST", URL)
    try:
        body: Any = answer.json()
    except ValueError:
        body = None
    return error_messages.refused(answer, body, token)


def a_token(seconds: int) -> str:
    return issue_token("s" * 32, "me", (), timedelta(seconds=seconds), audience="a", issuer="i")


def test_a_token_that_is_expired_is_told_from_a_wrong_one() -> None:
    said = refused(problem(401, "Unauthorized", INVALID), a_token(-100))
    assert said.startswith("401 The token is expired, since 20")
    assert "UTC (0:01:4" in said
    assert said.endswith("`qontract token` makes a new one")


def test_a_token_that_is_not_expired_may_be_signed_with_another_key() -> None:
    said = refused(problem(401, "Unauthorized", INVALID), a_token(100))
    assert said == f"401 {INVALID} It is not expired: has it been signed with the API's QAPI_AUTH__SECRET?"


def claims(**claims: Any) -> str:
    return f"x.{urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.x"


@pytest.mark.parametrize("token", ["hush", "a.b", "a.b.c", "ä.ö.ü", claims(), claims(exp="x"), claims(exp=1e99)])
def test_what_is_no_token_is_not_called_expired_and_not_shown(token: str) -> None:
    said = refused(problem(401, "Unauthorized", INVALID), token)
    assert said == f"401 {INVALID} What --token or QAPI_TOKEN says is no token: `qontract token` makes one"


def test_the_scope_that_a_token_lacks_is_in_the_command_that_makes_one() -> None:
    challenge = 'Bearer realm="qontract", error="insufficient_scope", scope="acme-things:apply"'
    said = refused(problem(403, "Forbidden", "The token needs the scope x.", www_authenticate=challenge))
    assert said == (
        "403 Forbidden: The token needs the scope x. Make one that has it: qontract token --scope acme-things:apply"
    )


def test_the_integrations_that_there_are_stand_in_the_answer_for_one_that_is_not_there() -> None:
    detail = "No integration 'x' is installed; installed: acme-things."
    assert refused(problem(404, "Not Found", detail)) == f"404 Not Found: {detail}"


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(404, html="<html>"),
        httpx.Response(200, html="<html>"),
        httpx.Response(404, json={"detail": "Not Found"}),
        httpx.Response(200, json=[]),
        httpx.Response(302, headers={"location": "https://login"}),
    ],
)
def test_who_is_not_qontract_is_named_with_where_to_set_the_address_right(answer: httpx.Response) -> None:
    said = refused(answer)
    assert said.startswith(f"http://api:8080 does not answer as qontract's API does ({answer.status_code} ")
    assert said.endswith("is --api-url, or QAPI_API_URL, right?")


def test_where_nothing_answers_it_is_said_what_starts_it_and_what_says_where_it_is() -> None:
    said = error_messages.unreachable(URL, httpx.ConnectError("[Errno 111] Connection refused"), changing=True)
    assert said.startswith("nothing answers at http://api:8080 (ConnectError: [Errno 111] Connection refused). Is the")
    assert "QAPI_API_URL" in said
    assert "`qontract dev` starts one" in said
    assert "accepted" not in said


@pytest.mark.parametrize("error", [httpx.UnsupportedProtocol("x"), httpx.InvalidURL("x")])
def test_what_is_no_address_is_called_so(error: Exception) -> None:
    assert error_messages.unreachable("api:8080/api/v1/x", error, changing=True).startswith(
        "api:8080 is no address of an API"
    )


@pytest.mark.parametrize(("changing", "unsure"), [(True, True), (False, False)])
def test_a_request_that_was_cut_off_may_have_been_accepted(*, changing: bool, unsure: bool) -> None:
    said = error_messages.unreachable(URL, httpx.ReadTimeout("timed out"), changing=changing)
    assert said.startswith("http://api:8080 did not answer (ReadTimeout: timed out)")
    assert said.endswith("it may have accepted the request") is unsure


def test_what_others_say_is_one_line_of_a_bounded_length() -> None:
    said = refused(problem(422, "x\x1b[2J", "a\nb" * 10_000))
    assert len(said) < 3000
    assert said.isprintable()
