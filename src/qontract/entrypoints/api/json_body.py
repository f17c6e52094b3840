"""The body of a request: strict JSON, checked with a model."""

import json
from typing import Any, TypeVar

from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect

M = TypeVar("M", bound=BaseModel)


async def json_body(request: Request) -> bytes:
    """Return the body. Answers 415 if it is not declared as JSON."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "Send the body as application/json.")
    try:
        return await request.body()
    except ClientDisconnect:
        raise HTTPException(400, "The body ended too early.") from None


def validated(body: bytes, model: type[M]) -> M:
    """Return what the body says. Answers 400 if it is no strict JSON, and 422 if it is not what the model wants."""
    if not body:
        raise RequestValidationError([{"loc": ("body",), "msg": "A body is required"}])
    value = strict_json(body)
    try:
        return model.model_validate(value)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        raise RequestValidationError([{"loc": ("body", *each["loc"]), "msg": each["msg"]} for each in found]) from None


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
