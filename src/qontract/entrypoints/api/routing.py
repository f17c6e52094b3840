"""How a route takes a request: first who it is, then the body, as strict JSON."""

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.routing import APIRoute

from qontract.entrypoints.api.auth import ScopesIn, bearer
from qontract.entrypoints.api.problems import documented


def integration_router(integration: str, scopes_in: ScopesIn) -> APIRouter:
    """Return a router for the routes of an integration: all want a valid token, and those with a body, strict JSON."""
    return APIRouter(
        prefix=f"/api/v1/integrations/{integration}",
        tags=[integration],
        route_class=_route_class(scopes_in),
        dependencies=[Depends(bearer)],
        responses=documented(400, 401, 403, 413, 422, 503),
    )


def _route_class(scopes_in: ScopesIn) -> type[APIRoute]:
    class Route(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def handle_strictly(request: Request) -> Response:
                request.state.scopes = scopes_in(request)  # before the body is read: that costs memory and time
                if self.body_field and _media_type(request) != "application/json":
                    raise HTTPException(415, "Send the body as application/json.")
                return await handle(_StrictRequest(request.scope, request.receive))

            return handle_strictly

    return Route


class _StrictRequest(Request):
    async def json(self) -> Any:
        return strict_json(await self.body())


def strict_json(body: bytes) -> Any:
    """Return the value of a JSON text. Answers 400 if it is not UTF-8, or no JSON, or ambiguous.

    Refused, where Python's parser is lenient: NaN and infinities, and an object that has a name twice (RFC 8259, 4):
    of `{"dry_run": true, "dry_run": false}`, another reader may see the other half.
    """
    try:
        return json.loads(body.decode(), object_pairs_hook=_unique, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise HTTPException(400, f"Not JSON: {error.msg}, line {error.lineno} column {error.colno}.") from None
    except UnicodeDecodeError as error:
        raise HTTPException(400, f"Not UTF-8, at byte {error.start}.") from None
    except RecursionError:
        raise HTTPException(400, "Nested too deeply.") from None
    except ValueError:
        raise HTTPException(400, "A number is too long.") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise HTTPException(400, "An object has the same name twice.")
    return values


def _no_constant(name: str) -> Any:
    raise HTTPException(400, f"{name} is not JSON.")


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
