"""The OpenAPI document, whatever packages are installed."""

import re
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import pytest
from fastapi import FastAPI
from fastapi.openapi.models import OpenAPI
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from pydantic import BaseModel

from qontract.adapters.memory import InMemoryJobQueue
from qontract.entrypoints.integrations import InstalledIntegrations
from tests.support.documents import check_schema, references
from tests.support.outside import outside_data, outside_integration
from tests.unit.entrypoints.api.conftest import DESIRED, PATH, SLACK

MakeApp = Callable[..., FastAPI]

PUBLISHED = {
    "Accepted",
    "DesiredUsergroups",
    "DesiredUsergroup",
    "DesiredWorkspace",
    "JobResult",
    "JobStatus",
    "JsonValue",
}
"""The names of schemas that clients were generated from."""

T = TypeVar("T")


class Box(BaseModel, Generic[T]):
    inside: T


@pytest.fixture
def document(make_app: MakeApp, queue: InMemoryJobQueue) -> Callable[..., dict[str, Any]]:
    def make(*outside: Any) -> dict[str, Any]:
        installed = InstalledIntegrations(
            {**SLACK.classes} | {integration.name: integration for integration in outside}
        )
        made: dict[str, Any] = make_app(queue, installed).openapi()
        return made

    return make


def _is_valid(document: dict[str, Any]) -> None:
    """Say whether it is what OpenAPI 3.1 allows: its parts, its schemas, its references, the names in it."""
    assert document["openapi"].startswith("3.1.")
    OpenAPI.model_validate(document)
    schemas = document["components"]["schemas"]
    for name, schema in schemas.items():
        assert re.fullmatch(r"[a-zA-Z0-9._-]+", name)
        check_schema(schema)
    for reference in references(document):
        assert reference.removeprefix("#/components/schemas/") in schemas
    ids = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(set(ids)) == len(ids)


def _body(document: dict[str, Any], integration: str) -> dict[str, Any]:
    """Return the schema of what the integration takes, so that it can be used by itself."""
    post = document["paths"][f"/api/v1/integrations/{integration}/reconcile"]["post"]
    schema: dict[str, Any] = post["requestBody"]["content"]["application/json"]["schema"]
    return schema | {"components": document["components"]}


def test_what_clients_were_generated_from_keeps_its_names(document: Callable[..., dict[str, Any]]) -> None:
    made = document()
    _is_valid(made)
    assert made["components"]["schemas"].keys() == PUBLISHED
    post = made["paths"][PATH]["post"]
    assert post["requestBody"]["required"]
    assert _body(made, "slack-usergroups")["$ref"] == "#/components/schemas/DesiredUsergroups"
    assert post["operationId"] == "reconcile_api_v1_integrations_slack_usergroups_reconcile_post"


def test_the_schema_of_a_body_takes_what_the_api_takes_and_nothing_else(
    document: Callable[..., dict[str, Any]],
) -> None:
    body = Draft202012Validator(_body(document(), "slack-usergroups"))
    assert body.is_valid(DESIRED | {"dry_run": False, "reason": "why"})
    assert not body.is_valid(DESIRED | {"dry_ran": False})
    assert not body.is_valid({"workspaces": [{"name": "coreos"}]})


def test_the_models_of_a_package_have_the_name_of_its_integration_and_move_no_name_of_ours(
    document: Callable[..., dict[str, Any]],
) -> None:
    ours = document()["components"]["schemas"]
    made = document(
        outside_integration("acme-things", module="acme.things"), outside_integration("beta", module="beta.things")
    )
    _is_valid(made)
    schemas = made["components"]["schemas"]
    theirs = {"AcmeThingsDesiredState", "AcmeThingsDesiredWorkspace", "BetaDesiredState", "BetaDesiredWorkspace"}
    assert schemas.keys() - PUBLISHED == theirs
    assert {name: schemas[name] for name in ours} == ours
    assert Draft202012Validator(_body(made, "acme-things")).is_valid({"things": [{"title": "a"}]})


def test_two_models_of_one_name_in_one_package_are_two_schemas(document: Callable[..., dict[str, Any]]) -> None:
    one, two = (outside_data("Thing", module=f"acme.{module}", **{module: (int, ...)}) for module in ("a", "b"))
    made = document(outside_integration("acme", module="acme", one=(one, ...), two=(two, ...)))
    _is_valid(made)
    assert made["components"]["schemas"].keys() - PUBLISHED == {"AcmeDesiredState", "AcmeThing", "acme_b_Thing"}
    assert Draft202012Validator(_body(made, "acme")).is_valid({"one": {"a": 1}, "two": {"b": 1}})
    assert not Draft202012Validator(_body(made, "acme")).is_valid({"one": {"b": 1}, "two": {"a": 1}})


def test_a_package_whose_prefixed_name_is_one_of_ours_gets_another(document: Callable[..., dict[str, Any]]) -> None:
    result = outside_data("Result", module="acme", number=(int, ...))
    made = document(outside_integration("job", module="acme", result=(result, ...)))
    _is_valid(made)
    assert made["components"]["schemas"]["JobResult"] == document()["components"]["schemas"]["JobResult"]
    assert Draft202012Validator(_body(made, "job")).is_valid({"result": {"number": 1}})


def test_a_generic_model_of_a_package_has_a_name_that_openapi_allows(document: Callable[..., dict[str, Any]]) -> None:
    made = document(outside_integration("acme", module="acme", box=(Box[dict[str, int]], ...)))
    _is_valid(made)
    assert Draft202012Validator(_body(made, "acme")).is_valid({"box": {"inside": {"a": 1}}})


def test_what_has_no_schema_is_any_object_and_the_document_is_there(document: Callable[..., dict[str, Any]]) -> None:
    made = document(outside_integration("acme", module="acme", call=(Callable[[], None], ...)))
    _is_valid(made)
    assert _body(made, "acme")["type"] == "object"


def test_two_models_of_qontract_with_one_name_fail_each_time(make_app: MakeApp, queue: InMemoryJobQueue) -> None:
    clash = outside_integration("clash", module="qontract.domain.clash")
    app = make_app(queue, InstalledIntegrations({**SLACK.classes, "clash": clash}))
    for _ in range(2):
        with pytest.raises(ValueError, match="two schemas are called Desired"):
            app.openapi()


def test_the_document_is_made_once(make_app: MakeApp, queue: InMemoryJobQueue) -> None:
    app = make_app(queue)
    assert app.openapi() is app.openapi()
