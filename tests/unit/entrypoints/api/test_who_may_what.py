"""Scopes for one workspace, results for who may see them, and tokens that are valid no more."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from fastapi import FastAPI

from qontract.adapters.memory import InMemoryJobQueue
from qontract.entrypoints import settings_reload
from qontract.entrypoints.tokens import issue_token
from tests.support.api_in_memory import SECRET
from tests.unit.entrypoints.api.conftest import DESIRED, PATH, PLANS, bearer, client_of

pytestmark = pytest.mark.anyio

MakeApp = Callable[..., FastAPI]
NEW_SECRET = "another-secret-of-thirty-two-bytes-"
TWO = {"workspaces": [*DESIRED["workspaces"], {"name": "osbs", "usergroups": []}]}


@pytest.mark.parametrize(
    ("scopes", "plan", "apply"),
    [
        (["slack-usergroups:plan:coreos"], 202, 403),
        (["slack-usergroups:apply:coreos"], 202, 202),
        (["slack-usergroups:apply:osbs", "slack-usergroups:plan:coreos"], 202, 403),
        (["slack-usergroups:apply:Coreos"], 403, 403),
        (["slack-usergroups:apply:core"], 403, 403),
        (["slack-usergroups:apply:"], 403, 403),
        (["github-teams:apply:coreos", "reconcile:apply:coreos"], 403, 403),
    ],
)
async def test_a_scope_may_be_for_one_workspace(
    client: httpx.AsyncClient, scopes: list[str], plan: int, apply: int
) -> None:
    for dry_run, status in ((True, plan), (False, apply)):
        answer = await client.post(PATH, json=DESIRED | {"dry_run": dry_run}, headers=bearer(*scopes))
        assert answer.status_code == status


async def test_a_request_for_several_workspaces_needs_a_scope_for_each_and_is_told_which_it_lacks(
    client: httpx.AsyncClient,
) -> None:
    one = await client.post(PATH, json=TWO, headers=bearer("slack-usergroups:plan:coreos"))
    assert one.status_code == 403
    assert one.json()["detail"].endswith("slack-usergroups:plan or slack-usergroups:plan:osbs.")
    both = bearer("slack-usergroups:plan:coreos", "slack-usergroups:apply:osbs")
    assert (await client.post(PATH, json=TWO, headers=both)).status_code == 202


@pytest.mark.parametrize(
    ("scopes", "status"),
    [
        (["slack-usergroups:plan:coreos"], 404),
        (["slack-usergroups:plan:coreos", "slack-usergroups:apply:osbs"], 200),
        (["slack-usergroups:plan"], 200),
        (["reconcile:apply"], 200),
        (["github-teams:apply"], 403),
    ],
)
async def test_a_token_reads_only_the_results_of_jobs_that_its_scopes_cover(
    client: httpx.AsyncClient, queue: InMemoryJobQueue, scopes: list[str], status: int
) -> None:
    accepted = (await client.post(PATH, json=TWO, headers=PLANS)).json()
    queue.run(accepted["id"])
    for params in ({}, {"timeout": 0.1}):
        answer = await client.get(accepted["status_url"], params=params, headers=bearer(*scopes))
        assert answer.status_code == status


async def test_a_result_is_not_told_by_the_path_of_another_integration(
    make_app: MakeApp, queue: InMemoryJobQueue
) -> None:
    from tests.unit.entrypoints.api.test_integrations import THINGS
    from tests.unit.entrypoints.api.test_integrations import TWO as INSTALLED

    async with client_of(make_app(queue, INSTALLED)) as client:
        job = (await client.post(PATH, json=DESIRED, headers=PLANS)).json()["id"]
        assert (await client.get(f"{THINGS}/{job}", headers=bearer("acme-things:plan"))).status_code == 404


async def _status(app: FastAPI, token: str) -> int:
    async with client_of(app) as client:
        headers = {"authorization": f"Bearer {token}"}
        return (await client.post(PATH, json=DESIRED, headers=headers)).status_code


def _token(secret: str = SECRET, **more: Any) -> str:
    about: dict[str, Any] = {"lifetime": timedelta(minutes=5), "audience": "qontract-api", "issuer": "qontract"} | more
    return issue_token(secret, "ci", ["reconcile:plan"], **about)


async def test_a_token_that_is_revoked_answers_401(make_app: MakeApp, queue: InMemoryJobQueue) -> None:
    app = make_app(queue, revoked={"stolen"})
    assert await _status(app, _token(token_id="stolen")) == 401
    assert await _status(app, _token(token_id="mine")) == 202


async def test_an_id_that_is_added_to_the_file_is_revoked_without_a_restart(
    make_app: MakeApp, queue: InMemoryJobQueue, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(settings_reload, "LOOK_SECONDS", 0)
    monkeypatch.setenv("QAPI_SECRETS_DIR", str(tmp_path))
    (tmp_path / "auth").mkdir()
    app = make_app(queue)
    assert await _status(app, _token(token_id="stolen")) == 202
    (tmp_path / "auth" / "revoked").write_text('["stolen"]')
    assert await _status(app, _token(token_id="stolen")) == 401
    assert await _status(app, _token(token_id="mine")) == 202
    (tmp_path / "auth" / "revoked").write_text("[")
    assert await _status(app, _token(token_id="stolen")) == 401
    async with client_of(app) as client:
        ready = await client.get("/health/ready")
    assert (ready.status_code, ready.json()["stale"]) == (200, ["auth"])


async def test_an_id_of_a_token_that_is_no_text_is_not_an_error_of_ours(
    make_app: MakeApp, queue: InMemoryJobQueue
) -> None:
    app = make_app(queue, revoked={"stolen"})
    claims = {"sub": "ci", "aud": "qontract-api", "iss": "qontract", "scope": "reconcile:plan"}
    about = claims | {"exp": datetime.now(UTC) + timedelta(minutes=1)}
    ids: list[object] = [7, ["stolen"], {}, None]
    for jti in ids:
        assert await _status(app, jwt.encode(about | {"jti": jti}, SECRET)) in {202, 401}, jti


async def test_a_token_that_is_valid_for_longer_than_is_accepted_answers_401(
    make_app: MakeApp, queue: InMemoryJobQueue
) -> None:
    app = make_app(queue, max_days=30)
    found = {days: await _status(app, _token(lifetime=timedelta(days=days))) for days in (30, 31, 100_000)}
    assert found == {30: 202, 31: 401, 100_000: 401}


async def test_while_the_key_is_changed_tokens_of_both_keys_are_valid(
    make_app: MakeApp, queue: InMemoryJobQueue
) -> None:
    app = make_app(queue, secret=NEW_SECRET, previous_secret=SECRET)
    assert [await _status(app, _token(secret)) for secret in (SECRET, NEW_SECRET, "x" * 32)] == [202, 202, 401]
    assert await _status(make_app(queue, secret=NEW_SECRET), _token(SECRET)) == 401
