"""Requests that schemathesis makes of the API's own document, and what it finds in the answers."""

from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import seed as seeded
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import ignored_auth, negative_data_rejection, positive_data_acceptance

Statuses = Counter[tuple[str, int]]
"""How often each operation answered with which status."""

# Left out: `ignored_auth` takes the token that is sent for one that it made up; and what is valid by the schema may be
# refused, for a schema cannot say that each handle is there once, or that no team is above itself.
_LEFT_OUT = [ignored_auth, positive_data_acceptance]
_LEFT_OUT_IF_RIGHT = [*_LEFT_OUT, negative_data_rejection]
_TOO_LARGE = 413
_KINDS = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)


def fuzz(app: FastAPI, headers: Mapping[str, str], examples: int, seed: int = 1, bodies: int = 0) -> Statuses:
    """Send so many requests of each kind to each operation: what the document allows, and what it does not.

    With a body, `bodies` of them at most: a desired state takes as long to make as dozens of other requests.

    Raises schemathesis' failures: an answer of 5xx, one that the document does not name, one of another form than it
    says, and one that accepts what it forbids.
    """
    statuses: Statuses = Counter()
    for operation in _operations(app):
        count = min(examples, bodies or examples) if operation.body else examples
        for kind in _KINDS if operation.body or operation.query else _KINDS[:1]:
            _send(operation.as_strategy(generation_mode=kind), _checking(headers, statuses), count, seed)
    return statuses


@cache
def _operations(app: FastAPI) -> list[Any]:
    """Return what its document has, read once. Raises schemathesis' failure for a document that is wrong."""
    return [found.ok() for found in schemathesis.openapi.from_asgi("/openapi.json", app).get_all_operations()]  # type: ignore[union-attr]


def _checking(headers: Mapping[str, str], statuses: Statuses) -> Callable[[Any], None]:
    def check(case: Any) -> None:
        answer = case.call(headers=dict(headers))
        statuses[case.operation.label, answer.status_code] += 1
        refused = answer.status_code == _TOO_LARGE  # before it is looked at
        left_out = _LEFT_OUT if _wrong_in(case) and not refused else _LEFT_OUT_IF_RIGHT
        case.validate_response(answer, excluded_checks=left_out)

    return check


def _wrong_in(case: Any) -> bool:
    """Say whether more is wrong with it than a token that it lacks, and gets here."""
    parts = case.meta.components if case.meta else {}
    return any(part.mode.is_negative for where, part in parts.items() if where is not ParameterLocation.HEADER)


def _send(cases: Any, check: Callable[[Any], None], examples: int, seed: int) -> None:
    quick = settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    quick(seeded(seed)(given(case=cases)(check)))()
