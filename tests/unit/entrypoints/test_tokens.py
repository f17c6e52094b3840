from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from typer.testing import CliRunner

from qontract.entrypoints import cli
from qontract.entrypoints.tokens import Claims, InvalidTokenError, claims_of, issue_token

SECRET = "a-secret-of-at-least-thirty-two-bytes"
NAMES: dict[str, Any] = {"audience": "qontract-api", "issuer": "qontract"}


def test_a_token_says_who_may_do_what_and_until_when() -> None:
    token = issue_token(SECRET, "ci", ["reconcile:plan", "events:read"], timedelta(hours=1), **NAMES)
    claims = jwt.decode(token, SECRET, algorithms=["HS256"], audience="qontract-api")
    assert (claims["sub"], claims["scope"], claims["iss"]) == ("ci", "reconcile:plan events:read", "qontract")
    assert abs(claims["exp"] - (datetime.now(UTC) + timedelta(hours=1)).timestamp()) < 60


def test_the_subject_and_the_scopes_are_read_back() -> None:
    token = issue_token(SECRET, "ci", ["reconcile:plan", "events:read"], timedelta(hours=1), **NAMES)
    assert claims_of(token, [SECRET], **NAMES) == Claims("ci", frozenset({"reconcile:plan", "events:read"}))


@pytest.mark.parametrize(
    ("lifetime", "audience", "issuer", "secret"),
    [
        (-1, "qontract-api", "qontract", SECRET),
        (60, "elsewhere", "qontract", SECRET),
        (60, "qontract-api", "somebody", SECRET),
        (60, "qontract-api", "qontract", SECRET[::-1]),
    ],
)
def test_a_token_of_another_time_place_or_key_is_refused(
    lifetime: int, audience: str, issuer: str, secret: str
) -> None:
    token = issue_token(secret, "ci", [], timedelta(seconds=lifetime), audience=audience, issuer=issuer)
    with pytest.raises(InvalidTokenError) as refused:
        claims_of(token, [SECRET], **NAMES)
    assert str(refused.value) == "The token is not valid, or not any more."


@pytest.mark.parametrize("subject", ["", "c\ni", "\x9f", "\ufdd0", "\U0010ffff", "x" * 256])
def test_a_token_for_nobody_whom_an_event_can_name_is_refused(subject: str) -> None:
    token = issue_token(SECRET, subject, ["reconcile:plan"], timedelta(hours=1), **NAMES)
    with pytest.raises(InvalidTokenError, match="its `sub`"):
        claims_of(token, [SECRET], **NAMES)


def command(*arguments: str) -> Any:
    return CliRunner().invoke(cli.app, ["token", *arguments], env={"QAPI_AUTH__SECRET": SECRET})


def test_the_command_makes_a_token_for_one_integration() -> None:
    made = command("--subject", "alice", "--scope", "slack-usergroups:apply", "--scope", "events:read")
    claims = claims_of(made.stdout.strip(), [SECRET], **NAMES)
    assert claims == Claims("alice", frozenset({"slack-usergroups:apply", "events:read"}))


@pytest.mark.parametrize(
    ("scope", "near"),
    [
        ("reconcile:aply", "reconcile:apply"),
        ("slack-usergroup:plan", "slack-usergroups:plan"),
        ("reconcile:plan reconcile:apply", "reconcile:"),
        ("event:read", "events:read"),
    ],
)
def test_the_command_refuses_a_scope_that_is_none_and_says_which_is_near(scope: str, near: str) -> None:
    refused = command("--scope", scope)
    assert refused.exit_code == 1
    assert refused.output.startswith(f"qontract: --scope {scope}: no such scope; did you mean {near}")


def test_the_command_refuses_a_scope_that_is_like_none_and_lists_them() -> None:
    said = command("--scope", "root").output
    assert all(scope in said for scope in ("reconcile:plan", "slack-usergroups:apply", "events:admin"))


def test_the_command_refuses_a_subject_that_the_api_would_refuse() -> None:
    refused = command("--subject", "a\nb")
    assert refused.exit_code == 1
    assert "--subject has a control character" in refused.output


def test_the_command_gives_each_token_an_id_and_says_it_on_stderr() -> None:
    made = command("--scope", "slack-usergroups:plan")
    token = made.stdout.strip()
    claims = jwt.decode(token, SECRET, algorithms=["HS256"], audience="qontract-api")
    assert made.stderr == f"jti {claims['jti']}\n"
    with pytest.raises(InvalidTokenError, match="revoked"):
        claims_of(token, [SECRET], revoked={claims["jti"]}, **NAMES)


def test_the_command_makes_a_token_for_one_workspace() -> None:
    made = command("--scope", "slack-usergroups:apply:acme")
    assert claims_of(made.stdout.strip(), [SECRET], **NAMES).scopes == {"slack-usergroups:apply:acme"}
    assert command("--scope", "slack-usergroups:apply:ac me").exit_code == 1
    assert command("--scope", "reconcile:apply:acme").exit_code == 1


def test_the_command_makes_no_token_where_the_api_takes_none_of_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QAPI_AUTH__ACCEPT_SECRET", "false")
    refused = command("--scope", "reconcile:plan")
    assert refused.exit_code == 1
    assert refused.output.startswith("qontract: QAPI_AUTH__ACCEPT_SECRET: the API takes no such token")


def test_the_command_refuses_a_lifetime_that_the_api_would_refuse() -> None:
    refused = command("--expires", str(401 * 24 * 3600))
    assert refused.exit_code == 1
    assert "ey" not in refused.output
    assert "no token for more than 400 days" in refused.output


def test_a_token_that_an_older_key_signed_is_valid_while_that_is_accepted() -> None:
    token = issue_token(SECRET[::-1], "ci", ["reconcile:plan"], timedelta(hours=1), **NAMES)
    assert claims_of(token, [SECRET, SECRET[::-1]], **NAMES).subject == "ci"
