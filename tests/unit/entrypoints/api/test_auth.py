import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest

from qontract.adapters.memory import InMemoryJobQueue
from qontract.entrypoints.settings.groups import AuthSettings
from tests.support.api_in_memory import SECRET
from tests.unit.entrypoints.api.conftest import APPLIES, DESIRED, PATH, PLANS, MakeApp, bearer

pytestmark = pytest.mark.anyio

CLAIMS = {"sub": "ci", "aud": "qontract-api", "iss": "qontract", "scope": "reconcile:apply"}


def _signed(secret: str = SECRET, algorithm: str = "HS256", **claims: Any) -> dict[str, str]:
    claims = {key: value for key, value in (CLAIMS | {"exp": _later()} | claims).items() if value is not None}
    return {"authorization": f"Bearer {jwt.encode(claims, secret, algorithm=algorithm)}"}


def _later() -> datetime:
    return datetime.now(UTC) + timedelta(hours=12)  # tokens are made when tests are collected


def _encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


WRONG_TOKENS = {
    "another key": bearer("reconcile:apply", secret="another-secret-of-thirty-two-bytes-"),
    "another audience": bearer("reconcile:apply", audience="elsewhere"),
    "another issuer": bearer("reconcile:apply", issuer="somebody"),
    "expired": bearer("reconcile:apply", lifetime=timedelta(seconds=-1)),
    "without exp": _signed(exp=None),
    "without aud": _signed(aud=None),
    "without iss": _signed(iss=None),
    "exp is no number": _signed(exp="tomorrow"),
    "another algorithm": _signed("k" * 64, algorithm="HS512"),
    "the same key, another algorithm": _signed(SECRET * 2, algorithm="HS384"),
    "algorithm none": {"authorization": f"Bearer {jwt.encode(CLAIMS | {'exp': _later()}, '', algorithm='none')}"},
    "no token at all": {"authorization": "Bearer nonsense"},
    "two dots": {"authorization": "Bearer .."},
    "nested": {"authorization": f"Bearer {_encoded('[' * 5000)}.e30.AAAA"},
    "a header of odd types": {"authorization": f"Bearer {_encoded(json.dumps({'alg': {}, 'kid': []}))}.e30.AAAA"},
    "not ASCII": {"authorization": "Bearer é.ü.ß".encode("latin-1")},
}
NO_TOKENS = {
    "none": {},
    "empty": {"authorization": ""},
    "scheme only": {"authorization": "Bearer"},
    "another scheme": {"authorization": "Basic YTpi"},
    "without scheme": {"authorization": PLANS["authorization"].removeprefix("Bearer ")},
    "not UTF-8": {"authorization": b"\xff\xfe"},
}


@pytest.mark.parametrize("headers", WRONG_TOKENS.values(), ids=WRONG_TOKENS.keys())
async def test_a_token_that_is_not_valid_answers_401(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    for response in (
        await client.post(PATH, json=DESIRED, headers=headers),
        await client.get(f"{PATH}/{uuid4()}", headers=headers),
    ):
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == 'Bearer realm="qontract", error="invalid_token"'
        assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("headers", NO_TOKENS.values(), ids=NO_TOKENS.keys())
async def test_a_request_without_a_token_answers_401_and_how_to_bring_one(
    client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    response = await client.post(PATH, json=DESIRED, headers=headers)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Bearer realm="qontract"'


async def test_the_name_of_the_scheme_has_no_case(client: httpx.AsyncClient) -> None:
    headers = {"authorization": PLANS["authorization"].replace("Bearer", "bEARER")}
    assert (await client.post(PATH, json=DESIRED, headers=headers)).status_code == 202


@pytest.mark.parametrize(
    ("headers", "dry_run", "status"),
    [
        (PLANS, True, 202),
        (PLANS, False, 403),
        (APPLIES, True, 202),
        (APPLIES, False, 202),
        (bearer("reconcile:plan", "reconcile:apply"), False, 202),
        (bearer("events:read"), True, 403),
        (bearer(), True, 403),
        (_signed(scope=["reconcile:apply"]), True, 403),
        (_signed(scope=None), True, 403),
        (_signed(scope="reconcile:applyx xreconcile:plan"), True, 403),
    ],
)
async def test_a_scope_is_needed_for_what_is_asked(
    client: httpx.AsyncClient, headers: dict[str, str], dry_run: bool, status: int
) -> None:
    response = await client.post(PATH, json=DESIRED | {"dry_run": dry_run}, headers=headers)
    assert response.status_code == status
    if status == 403:
        needed = "slack-usergroups:plan" if dry_run else "slack-usergroups:apply"
        challenge = f'Bearer realm="qontract", error="insufficient_scope", scope="{needed}"'
        assert response.headers["www-authenticate"] == challenge
        assert needed in response.json()["detail"]


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize("right", ["plan", "apply"])
async def test_a_scope_may_be_for_one_integration(client: httpx.AsyncClient, right: str, dry_run: bool) -> None:
    request = DESIRED | {"dry_run": dry_run}
    answer = await client.post(PATH, json=request, headers=bearer(f"slack-usergroups:{right}"))
    assert answer.status_code == (202 if dry_run or right == "apply" else 403)
    other = await client.post(PATH, json=request, headers=bearer(f"github-teams:{right}"))
    assert other.status_code == 403
    assert "reconcile:plan or slack-usergroups:plan" in other.json()["detail"]


NO_SUBJECTS = {
    "none": None,
    "empty": "",
    "no text": 7,
    "a list": ["ci"],
    "a line feed": "ci\n",
    "a NUL": "c\0i",
    "a control character of C1": "ci\x85",
    "a lone surrogate": "ci\ud800",
    "no character": "ci\uffff",
    "too long": "x" * 256,
}


@pytest.mark.parametrize("subject", NO_SUBJECTS.values(), ids=NO_SUBJECTS.keys())
async def test_a_token_that_does_not_say_who_it_is_for_answers_401_and_says_so(
    client: httpx.AsyncClient, subject: object
) -> None:
    response = await client.post(PATH, json=DESIRED, headers=_signed(sub=subject))
    assert response.status_code == 401
    assert "does not say who it is for: its `sub`" in response.json()["detail"]
    assert response.headers["www-authenticate"] == 'Bearer realm="qontract", error="invalid_token"'


@pytest.mark.parametrize("subject", ["x" * 255, "système:serviceaccount/ci", "alice@example.com"])
async def test_a_token_may_be_for_anybody_whom_an_event_can_name(client: httpx.AsyncClient, subject: str) -> None:
    assert (await client.post(PATH, json=DESIRED, headers=bearer("reconcile:plan", subject=subject))).is_success


@pytest.mark.parametrize(("headers", "status"), [(PLANS, 404), (APPLIES, 404), (bearer("events:read"), 403)])
async def test_a_scope_is_needed_for_a_result(client: httpx.AsyncClient, headers: dict[str, str], status: int) -> None:
    assert (await client.get(f"{PATH}/{uuid4()}", headers=headers)).status_code == status


async def test_who_has_no_token_or_no_scope_has_no_body_read(client: httpx.AsyncClient) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"{"
        raise AssertionError("read on")

    for headers, status in (({}, 401), (bearer("events:read"), 403)):
        response = await client.post(PATH, content=body(), headers=headers | {"content-type": "application/json"})
        assert response.status_code == status
    assert (await client.post(PATH, content=b"{", headers={"content-type": "text/plain"})).status_code == 401


def test_the_api_does_not_start_without_a_secret(make_app: MakeApp, queue: InMemoryJobQueue) -> None:
    with pytest.raises(SystemExit) as ended:
        make_app(queue, secret=None)
    assert str(ended.value) == "qontract: QAPI_AUTH__SECRET: the API needs a secret of at least 32 bytes"


def test_a_secret_is_measured_in_bytes() -> None:
    assert AuthSettings(secret="é" * 16).secret is not None
    with pytest.raises(ValueError, match="at least 32 bytes"):
        AuthSettings(secret="é" * 15 + "e")
