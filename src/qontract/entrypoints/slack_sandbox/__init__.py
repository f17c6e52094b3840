"""A Slack of your own: the parts of the Web API that are used, over HTTP, with faults on request.

    GET    /sandbox/workspaces/NAME   the state, in the shape of the start file, and the messages posted

and what every sandbox has (qontract.entrypoints.sandbox_server). A workspace answers to the token `xoxb-sandbox-NAME`.
"""

import json
import logging
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from qontract.entrypoints.sandbox_server import (
    Controls,
    Fault,
    Rate,
    RateLimits,
    load_state,
    run_sandbox,
    whole_seconds,
)
from qontract.entrypoints.slack_sandbox.workspace import Refusal, SandboxWorkspace, StartFile

log = logging.getLogger(__name__)

_DESCRIPTION = "Run a Slack of your own, for tests; each workspace answers to the token xoxb-sandbox-NAME"


_TIER_2 = Rate(20, 60)
_TIER_2_METHODS = {"usergroups.create", "usergroups.update", "usergroups.enable", "usergroups.disable"}
_TIER_2_METHODS |= {"usergroups.users.update"}
"""Those that change something; a workspace may call each of them about twenty times a minute."""


class _Sandbox:
    def __init__(self, workspaces: Iterable[SandboxWorkspace], limits: RateLimits) -> None:
        self.by_token = {workspace.token: workspace for workspace in workspaces}
        self.controls = Controls()
        self._limits = limits

    async def api(self, request: Request) -> Response:
        method = request.path_params["method"]
        try:
            arguments = await _arguments(request)
        except (ValueError, AttributeError):
            return _refused(method, "invalid_json")
        token = request.headers.get("authorization", "").removeprefix("Bearer ") or arguments.pop("token", "")
        workspace = self.by_token.get(token)
        name = workspace.name if workspace else ""
        fault = await self.controls.called(method, workspace=name)
        if workspace and method in _TIER_2_METHODS:
            seconds = self._limits.refused(f"{name} {method}", _TIER_2)
            if seconds is not None:
                return _faulty(method, Fault(status=429, retry_after=whole_seconds(seconds)))
        if not (fault and fault.status):
            return _answer(workspace, method, arguments, token)
        if fault.after:
            _answer(workspace, method, arguments, token)
        return _faulty(method, fault)

    async def workspace(self, request: Request) -> Response:
        for workspace in self.by_token.values():
            if workspace.name == request.path_params["name"]:
                return JSONResponse(workspace.state.model_dump() | {"messages": workspace.messages})
        return JSONResponse({"error": "no such workspace"}, 404)


def _answer(workspace: SandboxWorkspace | None, method: str, arguments: dict[str, str], token: str) -> Response:
    if not workspace:
        return _refused(method, "invalid_auth" if token else "not_authed")
    try:
        answer = workspace.call(method, arguments)
    except Refusal as refusal:
        return _refused(method, str(refusal))
    log.info("request answered", extra={"operation": method, "workspace": workspace.name, "answer": "ok"})
    return JSONResponse(answer)


def _faulty(method: str, fault: Fault) -> Response:
    log.info("request answered", extra={"operation": method, "answer": fault.status})
    limited = fault.status == HTTPStatus.TOO_MANY_REQUESTS
    return JSONResponse(
        {"ok": False, "error": "ratelimited" if limited else "internal_error"},
        fault.status or HTTPStatus.OK,
        {"retry-after": str(fault.retry_after)} if limited and fault.retry_after is not None else {},
    )


def _refused(method: str, code: str) -> Response:
    log.info("request answered", extra={"operation": method, "answer": code})
    return JSONResponse({"ok": False, "error": code})


async def _arguments(request: Request) -> dict[str, str]:
    """Return the arguments, whether they come in the query, as a form or as JSON."""
    arguments = dict(request.query_params)
    if request.headers.get("content-type", "").startswith("application/json"):
        body: Any = json.loads(await request.body() or "{}")  # slack_sdk sends no body when there are no arguments
        return arguments | {key: _plain(value) for key, value in body.items()}
    return arguments | dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))


def _plain(value: Any) -> str:
    """Return a JSON value as it would be in a form: a list is separated by commas."""
    if isinstance(value, list):
        return ",".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value)


def create_app(workspaces: Iterable[SandboxWorkspace], limits: RateLimits | None = None) -> Starlette:
    """Return the ASGI application."""
    sandbox = _Sandbox(workspaces, limits or RateLimits())
    return Starlette(
        routes=[
            Route("/api/{method}", sandbox.api, methods=["GET", "POST"]),
            Route("/sandbox/workspaces/{name}", sandbox.workspace),
            *sandbox.controls.routes({"workspaces": [workspace.name for workspace in sandbox.by_token.values()]}),
        ]
    )


def load(file: Path) -> SandboxWorkspace:
    """Read a start file. Raises OSError, or ValueError with a line that says what is wrong with it."""
    return SandboxWorkspace(load_state(file, StartFile))


def _app(files: Sequence[Path], limits: RateLimits) -> Starlette:
    return create_app(map(load, files), limits)


def main() -> None:
    """Serve until SIGTERM."""
    run_sandbox("slack-usergroups", _DESCRIPTION, 8083, _app)
