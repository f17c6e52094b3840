"""A Slack of your own: the parts of the Web API that are used, over HTTP, with faults on request.

    GET    /sandbox/ready
    GET    /sandbox/workspaces/NAME   the state, in the shape of the start file, and the messages posted
    GET    /sandbox/calls             what was called; DELETE forgets it
    POST   /sandbox/faults            {"method": "usergroups.create" or "*", "status": 429, "retry_after": 1,
                                      "delay": 0, "times": 1, "after": false}; DELETE takes all back

A workspace answers to the token `xoxb-sandbox-NAME`.
"""

import argparse
import json
import logging
from collections.abc import Iterable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import anyio
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from qontract.entrypoints.logs import configure_logs
from qontract.entrypoints.serve import serve
from qontract.entrypoints.slack_sandbox.workspace import Refusal, SandboxWorkspace, StartFile

log = logging.getLogger(__name__)

_DESCRIPTION = "Run a Slack of your own, for tests; each workspace answers to the token xoxb-sandbox-NAME"


class _Fault(BaseModel):
    """What to answer in place of Slack (`status`), how late (`delay`, in seconds), and how many times.

    `after`: only the answer is at fault, and the call is carried out.
    """

    model_config = ConfigDict(extra="forbid")

    method: str = "*"
    status: int | None = Field(default=None, ge=400, le=599)
    retry_after: int = Field(default=1, ge=0)
    delay: float = Field(default=0, ge=0)
    times: int = Field(default=1, ge=1)
    after: bool = False


class _Sandbox:
    def __init__(self, workspaces: Iterable[SandboxWorkspace]) -> None:
        self.by_token = {workspace.token: workspace for workspace in workspaces}
        self.calls: list[dict[str, str]] = []
        self.faults: list[_Fault] = []

    async def api(self, request: Request) -> Response:
        method = request.path_params["method"]
        try:
            arguments = await _arguments(request)
        except (ValueError, AttributeError):
            return _refused(method, "invalid_json")
        token = request.headers.get("authorization", "").removeprefix("Bearer ") or arguments.pop("token", "")
        workspace = self.by_token.get(token)
        self.calls.append({"method": method, "workspace": workspace.name if workspace else ""})
        fault = next((fault for fault in self.faults if fault.method in {method, "*"} and fault.times), None)
        if fault:
            fault.times -= 1
            await anyio.sleep(fault.delay)
        if not (fault and fault.status):
            return _answer(workspace, method, arguments, token)
        if fault.after:
            _answer(workspace, method, arguments, token)
        return _faulty(method, fault)

    async def ready(self, _: Request) -> Response:
        return JSONResponse({"workspaces": [workspace.name for workspace in self.by_token.values()]})

    async def workspace(self, request: Request) -> Response:
        for workspace in self.by_token.values():
            if workspace.name == request.path_params["name"]:
                return JSONResponse(workspace.state.model_dump() | {"messages": workspace.messages})
        return JSONResponse({"error": "no such workspace"}, 404)

    async def list_calls(self, request: Request) -> Response:
        calls = list(self.calls)
        if request.method == "DELETE":
            self.calls.clear()
        return JSONResponse(calls)

    async def set_faults(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.faults.clear()
            return Response(status_code=204)
        try:
            self.faults.append(_Fault.model_validate_json(await request.body()))
        except ValidationError as error:
            return JSONResponse({"error": str(error)}, 422)
        return Response(status_code=204)


def _answer(workspace: SandboxWorkspace | None, method: str, arguments: dict[str, str], token: str) -> Response:
    if not workspace:
        return _refused(method, "invalid_auth" if token else "not_authed")
    try:
        answer = workspace.call(method, arguments)
    except Refusal as refusal:
        return _refused(method, str(refusal))
    log.info(method, extra={"workspace": workspace.name, "answer": "ok"})
    return JSONResponse(answer)


def _faulty(method: str, fault: _Fault) -> Response:
    log.info(method, extra={"answer": fault.status})
    limited = fault.status == HTTPStatus.TOO_MANY_REQUESTS
    return JSONResponse(
        {"ok": False, "error": "ratelimited" if limited else "internal_error"},
        fault.status or HTTPStatus.OK,
        {"retry-after": str(fault.retry_after)} if limited else {},
    )


def _refused(method: str, code: str) -> Response:
    log.info(method, extra={"answer": code})
    return JSONResponse({"ok": False, "error": code})


async def _arguments(request: Request) -> dict[str, str]:
    """Return the arguments, whether they come in the query, as a form or as JSON."""
    arguments = dict(request.query_params)
    if request.headers.get("content-type", "").startswith("application/json"):
        body: Any = json.loads(await request.body() or "{}")  # slack_sdk sends no body when there are no arguments
        return arguments | {key: _plain(value) for key, value in body.items()}
    async with request.form() as form:
        return arguments | {key: str(value) for key, value in form.items()}


def _plain(value: Any) -> str:
    """Return a JSON value as it would be in a form: a list is separated by commas."""
    if isinstance(value, list):
        return ",".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value)


def create_app(workspaces: Iterable[SandboxWorkspace]) -> Starlette:
    """Return the ASGI application."""
    sandbox = _Sandbox(workspaces)
    return Starlette(
        routes=[
            Route("/api/{method}", sandbox.api, methods=["GET", "POST"]),
            Route("/sandbox/ready", sandbox.ready),
            Route("/sandbox/workspaces/{name}", sandbox.workspace),
            Route("/sandbox/calls", sandbox.list_calls, methods=["GET", "DELETE"]),
            Route("/sandbox/faults", sandbox.set_faults, methods=["POST", "DELETE"]),
        ]
    )


def load(file: Path) -> SandboxWorkspace:
    """Read a start file. Raises OSError, or ValueError with a line that says what is wrong with it."""
    try:
        return SandboxWorkspace(StartFile.model_validate_json(file.read_bytes()))
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"]))
        raise ValueError(f"{file}: {where}: {problem['msg']}") from None


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="qontract sandbox slack-usergroups", description=_DESCRIPTION)
    parser.add_argument("--state", type=Path, action="append", required=True, help="a start file; may be repeated")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8083)
    arguments = parser.parse_args()
    configure_logs()
    try:
        app = create_app([load(file) for file in arguments.state])
    except (OSError, ValueError) as error:
        raise SystemExit(f"slack-sandbox: {error}") from None
    serve(app, arguments.host, arguments.port)
