"""GitHub's adapter, in front of a server that is not to be trusted."""

from typing import Any

import pytest

from qontract.adapters.github import GithubApiTeams
from qontract.adapters.github.settings import GithubSettings
from qontract.application.ports.integration import IntegrationError
from tests.support import hostile_slack
from tests.support.hostile_http import Answer, Request, answer

TOKEN = "ghp_acme"


def github_at(url: str, *, timeout: float = 5) -> GithubApiTeams:
    tokens = {"acme": TOKEN, "other": "ghp_other"}
    return GithubApiTeams(GithubSettings.model_validate({"tokens": tokens, "api_url": url, "timeout": timeout}))


def refusal(github: GithubApiTeams) -> str:
    """Return why reading was refused: one line that is not long."""
    with pytest.raises(IntegrationError) as caught:
        github.read("acme")
    return checked(caught.value)


def checked(error: IntegrationError) -> str:
    """Return the message, which is one line that is not long, without the token."""
    return hostile_slack.checked(error, TOKEN)


def closing(body: bytes | object, status: int = 200, **headers: str) -> bytes:
    """Return a whole answer, after which the connection ends."""
    return answer(body, status, Connection="close", **headers)


def organisation(**parts: Any) -> dict[str, Any]:
    """Return a small, sound answer to the query for an organisation, with these parts."""
    people = {"edges": [{"role": "ADMIN", "node": {"login": "olivia"}}, {"role": "MEMBER", "node": {"login": "bob"}}]}
    team = {
        "name": "Team A",
        "slug": "team-a",
        "description": "A",
        "privacy": "VISIBLE",
        "parentTeam": {"slug": "everybody"},
        "members": {"edges": [{"role": "MEMBER", "node": {"login": "bob"}}], "pageInfo": {"hasNextPage": False}},
        "invitations": {"nodes": [{"invitee": {"login": "ivan"}}], "pageInfo": {"hasNextPage": False}},
    }
    everybody = team | {"name": "Everybody", "slug": "everybody", "parentTeam": None}
    sound = {
        "first": people | {"pageInfo": {"hasNextPage": False}},
        "last": people | {"pageInfo": {"hasPreviousPage": False}},
        "pendingMembers": {"nodes": [{"login": "ivan"}], "pageInfo": {"hasNextPage": False}},
        "teams": {"nodes": [team, everybody], "pageInfo": {"hasNextPage": False}},
    }
    return {"data": {"organization": sound | parts}}


def saying(acme: bytes | object, status: int = 200, **headers: str) -> Answer:
    """Answer whatever acme asks for with this, and others as a sound GitHub would that takes all."""

    def answering(request: Request) -> list[bytes]:
        if f"token {TOKEN}" in request.head:
            return [closing(acme, status, **headers)]
        return [closing(organisation() if request.path.endswith("graphql") else {"slug": "team-b", "id": 1})]

    return answering
