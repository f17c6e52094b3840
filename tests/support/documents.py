"""What tests look at in OpenAPI and AsyncAPI documents."""

from collections.abc import Iterator
from typing import Any


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
