"""Tokens that are signed with the keys of a key set, beside those that our secret signed, and in place of them."""

import base64
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from qontract.adapters.memory import InMemoryJobQueue
from qontract.entrypoints import plugins
from tests.support.signing import document, private_key, public_part, signed
from tests.support.waiting import eventually
from tests.unit.entrypoints.api.conftest import DESIRED, PATH, PLANS, MakeApp, bearer, client_of

pytestmark = pytest.mark.anyio
Ask = Callable[..., Awaitable[httpx.Response]]
ALGORITHMS = ["RS256", "RS512", "PS256", "ES256", "EdDSA"]


@pytest.fixture
def jwks(tmp_path: Path) -> Path:
    """A file with a key set: of `a`, for EdDSA."""
    file = tmp_path / "jwks.json"
    file.write_bytes(document("a"))
    return file


@pytest.fixture
def answer(make_app: MakeApp, queue: InMemoryJobQueue, jwks: Path) -> Ask:
    """What a request with these headers is answered by an API that takes the keys of the file."""

    async def ask(headers: dict[str, str], **auth: Any) -> httpx.Response:
        async with client_of(make_app(queue, jwks=str(jwks), **auth)) as client:
            return await client.post(PATH, json=DESIRED, headers=headers)

    return ask


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_token_that_a_key_of_the_set_signed_is_accepted(answer: Ask, jwks: Path, algorithm: str) -> None:
    jwks.write_bytes(document(public_part("a", algorithm), public_part("b", "ES256")))
    assert (await answer(signed("a", algorithm))).status_code == 202
    assert (await answer(PLANS)).status_code == 202


def _confused(key: bytes, alg: str = "HS256") -> dict[str, str]:
    """A token whose HMAC is made with what everybody knows: the public key."""
    about = {"sub": "ci", "aud": "qontract-api", "iss": "qontract", "scope": "reconcile:apply", "exp": 2**31}
    parts = [{"alg": alg, "kid": "a", "typ": "JWT"}, about]
    text = b".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts)
    signature = base64.urlsafe_b64encode(hmac.digest(key, text, hashlib.sha256)).rstrip(b"=")
    return {"authorization": f"Bearer {(text + b'.' + signature).decode()}"}


def _wrong() -> dict[str, dict[str, str]]:
    """Tokens that nobody may come in with, by what is wrong."""
    public = private_key("a", "RS256").public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return {
        "of another key that says it is this one": signed("x", named="a"),
        "of a key that is not in the set": signed("x"),
        "of another algorithm of the same key": signed("a", "RS512"),
        "for another audience": signed("a", "RS256", aud="elsewhere"),
        "of another issuer": signed("a", "RS256", iss="somebody"),
        "expired": signed("a", "RS256", exp=1),
        "without exp": signed("a", "RS256", exp=None),
        "without a subject": signed("a", "RS256", sub=None),
        "for two years": signed("a", "RS256", exp=2**33),
        "revoked": signed("a", "RS256", jti="gone"),
        "an HMAC with the public key in PEM": _confused(pem),
        "an HMAC with the public key in DER": _confused(der),
        "an HMAC with the document": _confused(document(public_part("a", "RS256"))),
        "an HMAC that says RS256": _confused(public.public_bytes(Encoding.PEM, PublicFormat.PKCS1), "RS256"),
        "an HMAC with nothing": _confused(b"x"),
        "signed by nobody": _confused(b"x", "none"),
        "of a key that it brings itself": signed("x", named="a", headers={"jwk": public_part("x")}),
        "of a key set that it names itself": signed("x", headers={"jku": "http://127.0.0.1:1/keys"}),
    }


async def test_a_token_of_another_key_algorithm_time_or_place_answers_401(
    make_app: MakeApp, queue: InMemoryJobQueue, jwks: Path
) -> None:
    jwks.write_bytes(document(public_part("a", "RS256"), public_part("b", "ES256")))
    async with client_of(make_app(queue, jwks=str(jwks), revoked=["gone"])) as client:
        answers = {wrong: await client.post(PATH, json=DESIRED, headers=headers) for wrong, headers in _wrong().items()}
        right = await client.post(PATH, json=DESIRED, headers=signed("a", "RS256"))
    refused = (401, 'Bearer realm="qontract", error="invalid_token"')
    told = {wrong: (answer.status_code, answer.headers.get("www-authenticate")) for wrong, answer in answers.items()}
    assert told == dict.fromkeys(told, refused)
    assert right.status_code == 202


async def test_a_key_that_says_it_is_symmetric_is_none_for_anybody(answer: Ask, jwks: Path) -> None:
    key = base64.urlsafe_b64encode(b"k" * 32).rstrip(b"=").decode()
    jwks.write_bytes(document({"kty": "oct", "k": key, "kid": "a", "alg": "HS256"}))
    assert (await answer(_confused(b"k" * 32))).status_code == 401


async def test_its_scopes_are_those_of_the_token(answer: Ask) -> None:
    assert (await answer(signed("a", scope="events:read"))).status_code == 403


async def test_the_secret_may_sign_jobs_alone(answer: Ask) -> None:
    assert (await answer(signed("a"), accept_secret=False)).status_code == 202
    for headers in (PLANS, bearer("reconcile:apply", lifetime=timedelta(seconds=5))):
        assert (await answer(headers, accept_secret=False)).status_code == 401
    assert "`qontract token`" not in (await answer({}, accept_secret=False)).json()["detail"]


async def test_a_token_that_cannot_be_judged_answers_503_and_when_to_come_again(answer: Ask, jwks: Path) -> None:
    jwks.unlink()
    response = await answer(signed("a"))
    assert response.status_code == 503
    assert response.headers["retry-after"] == "10"
    assert "cannot be read now" in response.json()["detail"]
    assert response.headers["content-type"] == "application/problem+json"


async def test_meanwhile_tokens_of_the_secret_are_accepted_and_what_is_no_token_is_401(answer: Ask, jwks: Path) -> None:
    jwks.write_text("{")
    assert (await answer(PLANS)).status_code == 202
    for token in ("nonsense", "..", "e30.e30.", _confused(b"x", "none")["authorization"].split()[1]):
        assert (await answer({"authorization": f"Bearer {token}"})).status_code == 401


@pytest.mark.parametrize(("accept_secret", "status"), [(True, 200), (False, 503)])
async def test_readiness_says_that_the_key_set_cannot_be_read_and_fails_if_no_token_can_be_judged(
    make_app: MakeApp, queue: InMemoryJobQueue, jwks: Path, accept_secret: bool, status: int
) -> None:
    jwks.write_text("{")
    async with client_of(make_app(queue, jwks=str(jwks), accept_secret=accept_secret)) as client:
        response = await client.get("/health/ready")
    assert response.status_code == status
    assert response.json()["jwks"] == "it is not JSON"


async def test_readiness_has_no_word_of_a_key_set_that_can_be_read(
    make_app: MakeApp, queue: InMemoryJobQueue, jwks: Path
) -> None:
    async with client_of(make_app(queue, jwks=str(jwks), accept_secret=False)) as client:
        assert (await client.get("/health/ready")).json() == {"status": "ok", "refused": []}


def test_the_api_does_not_start_where_no_token_could_be_accepted(make_app: MakeApp, queue: InMemoryJobQueue) -> None:
    with pytest.raises(SystemExit) as ended:
        make_app(queue, accept_secret=False)
    assert str(ended.value) == (
        "qontract: QAPI_AUTH__ACCEPT_SECRET: false needs QAPI_AUTH__JWKS, or no token is accepted"
    )


def test_the_api_does_not_start_with_a_url_that_anybody_on_the_way_could_answer(
    make_app: MakeApp, queue: InMemoryJobQueue
) -> None:
    with pytest.raises(SystemExit, match=r"^qontract: QAPI_AUTH__JWKS: must begin with https"):
        make_app(queue, jwks="http://idp.example.org/keys")


def test_without_the_extra_the_api_says_which_one_to_install(
    make_app: MakeApp, queue: InMemoryJobQueue, jwks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "qontract.adapters.jwks", None)
    monkeypatch.setattr(plugins, "missing_extra", lambda _: "jwks")
    with pytest.raises(SystemExit) as ended:
        make_app(queue, jwks=str(jwks))
    assert str(ended.value).endswith("it needs an extra that is not installed: pip install 'qontract[jwks]'")


async def test_a_file_that_is_replaced_is_read_again_within_seconds(
    make_app: MakeApp, queue: InMemoryJobQueue, jwks: Path
) -> None:
    async with client_of(make_app(queue, jwks=str(jwks))) as client:

        async def status(key_id: str) -> int:
            return (await client.post(PATH, json=DESIRED, headers=signed(key_id))).status_code

        assert (await status("a"), await status("b")) == (202, 401)
        jwks.write_bytes(document("b"))

        async def is_read_again() -> bool:
            return await status("b") == 202

        await eventually(is_read_again)
        assert await status("a") == 401
