"""The body of a request: strict JSON of a bounded size and depth, checked with a model."""

import json
from typing import Any, TypeVar

from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect

from qontract.domain.kept_events import is_deep
from qontract.entrypoints.api.problems import MAX_ERRORS
from qontract.entrypoints.api.validation_errors import described

M = TypeVar("M", bound=BaseModel)

_MAX_CONTAINERS = 200_000
"""Objects and lists in a body: of 10 MB, a desired state has fewer."""
_MAX_NAMES = 500_000
_MAX_NAMES_OF_ONE = 20_000
"""A model reports each name that it does not know: building a million reports takes seconds, and a gigabyte."""
_DEEPEST = 64
"""No model is nested as deeply; who walks it by recursion would not come to the end of more."""
_MAX_ERRORS = 1000
"""So many are sorted, and the first of them described; of more, only the number is given."""


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
        raise _unexpected("A body is required")
    value = strict_json(body)
    try:
        return model.model_validate(value)
    except ValidationError as error:
        if error.error_count() > _MAX_ERRORS:
            raise _unexpected(f"{error.error_count()} things are not as expected: too many to name") from None
        found = error.errors(include_url=False, include_context=False, include_input=False)
        wrong = described(found, model, MAX_ERRORS)
        raise RequestValidationError([each | {"loc": ("body", *each["loc"])} for each in wrong]) from None


def strict_json(body: bytes) -> Any:
    """Return the value of a JSON text. Answers 400 if it is not UTF-8, or no JSON, or ambiguous; 422 if it is too much.

    Refused, where Python's parser is lenient: NaN and infinities, and an object that has a name twice (RFC 8259, 4):
    of `{"dry_run": true, "dry_run": false}`, another reader may see the other half.
    """
    # Counted before anything is parsed. Those within texts count too: they are few in what is sent in earnest.
    if body.count(b"{") + body.count(b"[") > _MAX_CONTAINERS or body.count(b":") > _MAX_NAMES:
        raise _unexpected(f"There are more than {_MAX_CONTAINERS} objects and lists, or {_MAX_NAMES} names")
    try:
        value = json.loads(body.decode(), object_pairs_hook=_unique, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise HTTPException(400, f"Not JSON: {error.msg}, line {error.lineno} column {error.colno}.") from None
    except UnicodeDecodeError as error:
        raise HTTPException(400, f"Not UTF-8, at byte {error.start}.") from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError:
        raise HTTPException(400, "A number is too long.") from None
    if is_deep(value, _DEEPEST):
        raise _too_deep()
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > _MAX_NAMES_OF_ONE:
        raise _unexpected(f"An object has more than {_MAX_NAMES_OF_ONE} names")
    values = dict(pairs)
    if len(values) < len(pairs):
        raise HTTPException(400, "An object has the same name twice.")
    return values


def _no_constant(name: str) -> Any:
    raise HTTPException(400, f"{name} is not JSON.")


def _too_deep() -> HTTPException:
    return HTTPException(400, "Nested too deeply.")


def _unexpected(message: str) -> RequestValidationError:
    return RequestValidationError([{"loc": ("body",), "msg": message}])
