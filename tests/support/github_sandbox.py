"""A running GitHub sandbox, for tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from qontract.entrypoints.github_sandbox import create_app
from qontract.entrypoints.github_sandbox.organisation import SandboxOrganisation, StartFile
from qontract.entrypoints.sandbox_server import RateLimits
from tests.support import requesting
from tests.support.serving import serving

TOKENS = {"acme": "ghp_sandbox_acme", "other": "ghp_sandbox_other"}

START: dict[str, Any] = {
    "organisations": [
        {
            "login": "acme",
            "owners": ["olivia"],
            "members": ["Alice", "bob", "carol", "dave"],
            "invited": ["ivan"],
            "teams": [
                {
                    "name": "Team A",
                    "description": "People of <A> & friends",
                    "members": ["Alice"],
                    "maintainers": ["bob", "olivia"],
                    "invited": ["ivan"],
                },
                {"name": "k8s.io-admins", "parent": "team-a", "members": ["carol"]},
                {"name": "hidden", "privacy": "secret", "members": ["dave"]},
            ],
        },
        {
            "login": "other",
            "owners": ["olivia"],
            "members": ["Alice", "bob"],
            "teams": [{"name": "Team A", "members": ["Alice"]}],
        },
    ],
    "users": ["Stranger", "stranger-2"],
}

PUT = "teams/add-or-update-membership-for-user-in-org"
REMOVE = "teams/remove-membership-for-user-in-org"
CREATE, UPDATE, DELETE = "teams/create", "teams/update-in-org", "teams/delete-in-org"
GET, CHILDREN, MEMBERS = "teams/get-by-name", "teams/list-child-in-org", "teams/list-members-in-org"


class GithubSandbox:
    """A sandbox that serves at `url`, and what tests tell and ask it."""

    def __init__(self, url: str) -> None:
        self.url = url

    def start(self, file: dict[str, Any], *, limits: RateLimits | None = None) -> None:
        """Begin anew, as the start file says."""
        start = StartFile.model_validate(file)
        self._app: Any = create_app([SandboxOrganisation(each, start.users) for each in start.organisations], limits)

    def serve(self, app: Any) -> None:
        """Begin anew, with this application."""
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app(scope, receive, send)

    def state(self, organisation: str = "acme") -> dict[str, Any]:
        answer: dict[str, Any] = self._ask("GET", f"organisations/{organisation}").json()
        return answer

    def team(self, slug: str, organisation: str = "acme") -> dict[str, Any]:
        (team,) = (team for team in self.state(organisation)["teams"] if team["slug"] == slug)
        return dict(team)

    def accept(self, login: str) -> None:
        self._ask("POST", f"organisations/acme/accept/{login}")

    def fault(self, method: str, **fault: Any) -> None:
        self._ask("POST", "faults", json={"method": method, **fault})

    def calls(self) -> list[str]:
        """Return what was called since this was last asked."""
        return [call["method"] for call in self._ask("DELETE", "calls").json()]

    def _ask(self, verb: str, path: str, **more: Any) -> httpx.Response:
        return requesting.request(verb, f"{self.url}/sandbox/{path}", trust_env=False, **more).raise_for_status()


@contextmanager
def running_github() -> Iterator[GithubSandbox]:
    """Serve a sandbox in a thread, on a free port."""
    with serving(GithubSandbox) as sandbox:
        yield sandbox
