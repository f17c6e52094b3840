"""What tests look at in OpenAPI and AsyncAPI documents."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]


def check_schema(schema: dict[str, Any]) -> None:
    """Raise jsonschema's SchemaError if it is no schema; what was looked at once is not looked at again."""
    _check(json.dumps(schema))


@cache
def _check(schema: str) -> None:
    Draft202012Validator.check_schema(json.loads(schema))


def references(value: Any) -> Iterator[str]:
    """Give every `$ref` that the value has in it."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)
