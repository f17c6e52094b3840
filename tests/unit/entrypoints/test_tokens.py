from datetime import UTC, datetime, timedelta

import jwt
import pytest

from qontract.entrypoints.tokens import InvalidTokenError, issue_token, scopes_of

SECRET = "a-secret-of-at-least-thirty-two-bytes"
NAMES = {"audience": "qontract-api", "issuer": "qontract"}


def test_a_token_says_who_may_do_what_and_until_when():
    token = issue_token(SECRET, "ci", ["reconcile:plan", "events:read"], timedelta(hours=1), **NAMES)
    claims = jwt.decode(token, SECRET, algorithms=["HS256"], audience="qontract-api")
    assert (claims["sub"], claims["scope"], claims["iss"]) == ("ci", "reconcile:plan events:read", "qontract")
    assert abs(claims["exp"] - (datetime.now(UTC) + timedelta(hours=1)).timestamp()) < 60


def test_the_scopes_are_read_back():
    token = issue_token(SECRET, "ci", ["reconcile:plan", "events:read"], timedelta(hours=1), **NAMES)
    assert scopes_of(token, SECRET, **NAMES) == {"reconcile:plan", "events:read"}


@pytest.mark.parametrize(
    ("lifetime", "audience", "issuer", "secret"),
    [
        (-1, "qontract-api", "qontract", SECRET),
        (60, "elsewhere", "qontract", SECRET),
        (60, "qontract-api", "somebody", SECRET),
        (60, "qontract-api", "qontract", SECRET[::-1]),
    ],
)
def test_a_token_of_another_time_place_or_key_is_refused(lifetime, audience, issuer, secret):
    token = issue_token(secret, "ci", [], timedelta(seconds=lifetime), audience=audience, issuer=issuer)
    with pytest.raises(InvalidTokenError) as refused:
        scopes_of(token, SECRET, **NAMES)
    assert token not in str(refused.value)
