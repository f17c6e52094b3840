"""A GitHub of your own: the parts of its REST and GraphQL APIs that are used, over HTTP, with faults on request.

    GET    /sandbox/organisations/NAME               the state, in the shape of the start file
    POST   /sandbox/organisations/NAME/accept/LOGIN  somebody accepts the invitation to the organisation

and what every sandbox has (qontract.entrypoints.sandbox_server). Calls go by GitHub's own names of operations, such as
`teams/create`, and `graphql`. Of the faults, 403 is the primary limit of the rate and 429 the secondary one, unless
`retry_after` is null.

An organisation answers to the token `ghp_sandbox_NAME`, which is that of its first owner; or to that of an App, whose
installation has the number of the organisation in the start file.
"""

import json
import logging
import math
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from http import HTTPStatus
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from qontract.entrypoints.github_sandbox import rest
from qontract.entrypoints.github_sandbox.graphql import QueryError, execute
from qontract.entrypoints.github_sandbox.organisation import Refusal, SandboxOrganisation, StartFile
from qontract.entrypoints.github_sandbox.schema import root
from qontract.entrypoints.sandbox_server import (
    Controls,
    Fault,
    Rate,
    RateLimits,
    load_state,
    run_sandbox,
    whole_seconds,
)

log = logging.getLogger(__name__)

_DESCRIPTION = "Run a GitHub of your own, for tests; each organisation answers to the token ghp_sandbox_NAME"
_PRIMARY = Rate(5_000, 3_600)
_SECONDARY = Rate(80, 60)
"""Of writing. Both are for one token."""

Answer = Callable[[SandboxOrganisation, str | None], Response]


class _Sandbox:
    def __init__(self, organisations: Iterable[SandboxOrganisation], limits: RateLimits) -> None:
        self.organisations = {organisation.login.lower(): organisation for organisation in organisations}
        self.controls = Controls()
        self._limits = limits

    def rest(self, operation: rest.Operation) -> Callable[[Request], Awaitable[Response]]:
        """Return what answers to an operation of the REST API."""

        async def answer(request: Request) -> Response:
            try:
                body = json.loads(await request.body() or "{}")
            except ValueError:
                return _refused(HTTPStatus.BAD_REQUEST, "Problems parsing JSON")

            def carry_out(organisation: SandboxOrganisation, user: str | None) -> Response:
                if request.path_params["org"].lower() != organisation.login.lower():
                    return _refused(HTTPStatus.NOT_FOUND, "Not Found")
                try:
                    status, found = operation.answer(organisation, request.path_params | {"user": user}, body)
                except Refusal as refusal:
                    return _refused(refusal.status, str(refusal))
                return Response(status_code=status) if found is None else JSONResponse(found, status)

            return await self._answer(request, operation.name, carry_out, writes=request.method != "GET")

        return answer

    async def graphql(self, request: Request) -> Response:
        """Answer a query; its errors come with the status 200."""
        body = json.loads(await request.body())

        def carry_out(organisation: SandboxOrganisation, user: str | None) -> Response:
            try:
                data = execute(body["query"], body.get("variables") or {}, root(organisation, user))
            except QueryError as error:
                return JSONResponse({"data": None, "errors": [{"type": error.kind, "message": str(error)}]})
            return JSONResponse({"data": data})

        return await self._answer(request, "graphql", carry_out, writes=False)

    async def app_token(self, request: Request) -> Response:
        """Give the token of an App's installation to who brings something like a JWT."""
        fault = await self.controls.called("apps/create-installation-access-token")
        number, jwt = int(request.path_params["number"]), request.headers.get("authorization", "")
        if fault and fault.status:
            return _faulty(fault)
        if not re.fullmatch(r"Bearer [\w-]+\.[\w-]+\.[\w-]+", jwt) or not 0 < number <= len(self.organisations):
            return _refused(HTTPStatus.UNAUTHORIZED, "A JSON web token could not be decoded")
        token = f"ghs_sandbox_{list(self.organisations)[number - 1]}"
        expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
        return JSONResponse({"token": token, "expires_at": expires, "permissions": {"members": "write"}}, 201)

    async def _answer(self, request: Request, name: str, carry_out: Answer, *, writes: bool) -> Response:
        """Answer, if token, limits and faults let it."""
        token = request.headers.get("authorization", "").rpartition(" ")[2]
        organisation = self._organisation_of(token)
        fault = await self.controls.called(name, organisation=organisation.login if organisation else "")
        if organisation is None:
            return _refused(HTTPStatus.UNAUTHORIZED, "Bad credentials")
        if limited := self._limited(token, name, writes=writes):
            return limited
        if fault and fault.status and not fault.after:
            return _faulty(fault)
        user = organisation.named(organisation.owners)[0] if token.startswith("ghp_") else None
        answer = carry_out(organisation, user)
        extra = {"operation": name, "organisation": organisation.login, "answer": answer.status_code}
        log.info("request answered", extra=extra)
        return _faulty(fault) if fault and fault.status else answer

    def _organisation_of(self, token: str) -> SandboxOrganisation | None:
        kind, _, login = token.partition("_sandbox_")
        return self.organisations.get(login.lower()) if kind in {"ghp", "ghs"} else None

    def _limited(self, token: str, name: str, *, writes: bool) -> Response | None:
        """Return the answer to a token that has asked too often, if it has."""
        resource = "graphql" if name == "graphql" else "core"
        if (seconds := self._limits.refused(f"{token} {resource}", _PRIMARY)) is not None:
            return _primary(seconds)
        if writes and (seconds := self._limits.refused(f"{token} writes", _SECONDARY)) is not None:
            return _secondary(HTTPStatus.FORBIDDEN, whole_seconds(seconds))
        return None

    async def state(self, request: Request) -> Response:
        """Show an organisation, after somebody has accepted, if that is asked for."""
        organisation = self.organisations.get(request.path_params["name"].lower())
        if organisation is None:
            return _refused(HTTPStatus.NOT_FOUND, "no such organisation")
        if login := request.path_params.get("login"):
            organisation.accept(login)
        return JSONResponse(organisation.state().model_dump())


def _refused(status: int, message: str) -> Response:
    return JSONResponse({"message": message, "documentation_url": "https://docs.github.com/rest"}, status)


def _primary(seconds: float) -> Response:
    answer = _refused(HTTPStatus.FORBIDDEN, "API rate limit exceeded")
    reset = str(math.ceil(time.time() + seconds))
    answer.headers.update({"x-ratelimit-limit": "5000", "x-ratelimit-remaining": "0", "x-ratelimit-reset": reset})
    return answer


def _secondary(status: int, seconds: int) -> Response:
    answer = _refused(
        status, "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
    )
    answer.headers["retry-after"] = str(seconds)
    return answer


def _faulty(fault: Fault) -> Response:
    status = fault.status or HTTPStatus.OK
    if fault.retry_after is not None and status == HTTPStatus.FORBIDDEN:
        return _primary(fault.retry_after)
    if fault.retry_after is not None and status == HTTPStatus.TOO_MANY_REQUESTS:
        return _secondary(status, fault.retry_after)
    return _refused(status, "the sandbox was asked for this")


def create_app(organisations: Iterable[SandboxOrganisation], limits: RateLimits | None = None) -> Starlette:
    """Return the ASGI application."""
    sandbox = _Sandbox(organisations, limits or RateLimits())
    names = [organisation.login for organisation in sandbox.organisations.values()]
    return Starlette(
        routes=[
            Route("/graphql", sandbox.graphql, methods=["POST"]),
            Route("/app/installations/{number:int}/access_tokens", sandbox.app_token, methods=["POST"]),
            *(Route(each.path, sandbox.rest(each), methods=[each.verb]) for each in rest.OPERATIONS),
            Route("/sandbox/organisations/{name}", sandbox.state),
            Route("/sandbox/organisations/{name}/accept/{login}", sandbox.state, methods=["POST"]),
            *sandbox.controls.routes({"organisations": names}),
        ]
    )


def load(file: Path) -> list[SandboxOrganisation]:
    """Read a start file. Raises OSError, or ValueError with a line that says what is wrong with it."""
    start = load_state(file, StartFile)
    return [SandboxOrganisation(organisation, start.users) for organisation in start.organisations]


def _app(files: Sequence[Path], limits: RateLimits) -> Starlette:
    return create_app([organisation for file in files for organisation in load(file)], limits)


def main() -> None:
    """Serve until SIGTERM."""
    run_sandbox("github-teams", _DESCRIPTION, 8084, _app)
