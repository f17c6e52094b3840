"""A running Slack sandbox, for tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from qontract.entrypoints.slack_sandbox import create_app
from qontract.entrypoints.slack_sandbox.workspace import SandboxWorkspace, StartFile
from tests.support import requesting
from tests.support.serving import serving


def user(id_: str, name: str, **more: Any) -> dict[str, Any]:
    return {"id": id_, "name": name, "deleted": False, "profile": {"email": f"{name}@example.org"}} | more


def channel(id_: str, name: str, **more: Any) -> dict[str, Any]:
    return {"id": id_, "name": name, "is_archived": False, "is_private": False} | more


def usergroup(id_: str, handle: str, **more: Any) -> dict[str, Any]:
    plain = {"id": id_, "handle": handle, "name": handle, "description": "", "date_delete": 0}
    return plain | {"users": [], "prefs": {"channels": [], "groups": []}} | more


COREOS: dict[str, Any] = {
    "team": {"id": "T1", "name": "coreos"},
    "users": [
        user("U1", "alice"),
        user("U2", "bob"),
        user("U3", "carol", enterprise_user={"id": "W3"}),
        user("U4", "dave", deleted=True),
    ],
    "channels": [
        channel("C1", "general"),
        channel("C2", "team-a"),
        channel("G3", "secrets", is_private=True),
        channel("C4", "forgotten", is_archived=True),
    ],
    "usergroups": [
        usergroup(
            "S1",
            "team-a",
            description="People of <A> & friends",
            users=["U1", "W3"],
            prefs={"channels": ["C2"], "groups": ["G3"]},
        ),
        usergroup("S2", "sleepers", description="Asleep", date_delete=1_700_000_000, users=["U2"]),
    ],
}

OSBS: dict[str, Any] = {
    "team": {"id": "T2", "name": "osbs"},
    "users": [user("U8", "alice"), user("U9", "bob")],
    "channels": [channel("C8", "general")],
    "usergroups": [usergroup("S8", "team-a", users=["U8"])],
}


class Sandbox:
    """A sandbox that serves at `url`, and what tests tell and ask it."""

    def __init__(self, address: str) -> None:
        self.url = f"{address}/api/"
        self._control = f"{address}/sandbox/"

    def start(self, *files: dict[str, Any]) -> None:
        """Begin anew, with the workspaces of these start files."""
        self.serve(*(SandboxWorkspace(StartFile.model_validate(file)) for file in files))

    def serve(self, *workspaces: SandboxWorkspace) -> None:
        """Begin anew, with these workspaces."""
        self.app(create_app(workspaces))

    def app(self, app: Any) -> None:
        """Begin anew, with this application."""
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app(scope, receive, send)

    def state(self, workspace: str) -> dict[str, Any]:
        answer: dict[str, Any] = self._ask("GET", f"workspaces/{workspace}").json()
        return answer

    def group(self, workspace: str, handle: str) -> dict[str, Any]:
        (group,) = (group for group in self.state(workspace)["usergroups"] if group["handle"] == handle)
        return dict(group)

    def messages(self, workspace: str = "coreos") -> list[str]:
        return [message["text"] for message in self.state(workspace)["messages"]]

    def fault(self, method: str, **fault: Any) -> None:
        self._ask("POST", "faults", json={"method": method, **fault})

    def no_faults(self) -> None:
        """Forget the faults that were asked for."""
        self._ask("DELETE", "faults")

    def calls(self) -> list[str]:
        """Return the methods that were called since this was last asked."""
        return [call["method"] for call in self._ask("DELETE", "calls").json()]

    def _ask(self, verb: str, path: str, **more: Any) -> httpx.Response:
        return requesting.request(verb, self._control + path, trust_env=False, **more).raise_for_status()


@contextmanager
def running_sandbox() -> Iterator[Sandbox]:
    """Serve a sandbox in a thread, on a free port."""
    with serving(Sandbox) as sandbox:
        yield sandbox
