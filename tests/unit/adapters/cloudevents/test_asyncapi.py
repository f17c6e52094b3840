"""The AsyncAPI document, whatever event types there are."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from pydantic import Field

from qontract.adapters.cloudevents import asyncapi
from tests.support.documents import check_schema, references
from tests.support.outside import outside_data, outside_event

PUBLISHED = {"CreateUsergroup", "UpdateMetadata", "UpdateUsers", "UsergroupFailure"}
"""The names of schemas that clients were generated from."""
CREATE = "qontract-api.slack-usergroups.create"


def document() -> dict[str, Any]:
    return asyncapi(channel="main", stream="s", source="qontract-api")


def is_valid(made: dict[str, Any]) -> None:
    """Say whether keys and schemas are what AsyncAPI 3.0 allows, references lead somewhere, and examples fit."""
    messages, schemas = made["components"]["messages"], made["components"]["schemas"]
    assert all(re.fullmatch(r"[a-zA-Z0-9._-]+", key) for key in (*messages, *schemas))
    for reference in references(made):
        place = made
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]
    for schema in schemas.values():
        check_schema(schema)
    for message in messages.values():
        payload = Draft202012Validator(message["payload"] | {"components": made["components"]})
        for example in message.get("examples", ()):
            payload.validate(example["payload"])


def test_what_clients_were_generated_from_keeps_its_names() -> None:
    made = document()
    is_valid(made)
    assert made["components"]["schemas"].keys() >= PUBLISHED
    data: object = made["components"]["messages"]["qontract-api.slack-usergroups.error"]["payload"]["properties"][
        "data"
    ]
    assert data == {"$ref": "#/components/schemas/UsergroupFailure"}
    assert "usergroup" in made["components"]["schemas"]["UsergroupFailure"]["properties"]


def test_every_message_of_ours_has_an_example() -> None:
    messages = document()["components"]["messages"]
    assert [name for name, message in messages.items() if "examples" not in message] == []


def test_two_data_models_of_one_name_are_two_schemas_and_each_message_has_its_own() -> None:
    for module in ("acme_a", "acme_b"):
        model = outside_data("Opened", module=module, **{module: (int, ...)})
        outside_event(f"com.{module}.opened", model, module=module)
    made = document()
    is_valid(made)
    [a, b] = (made["components"]["messages"][f"com.acme_{x}.opened"]["payload"]["properties"]["data"] for x in "ab")
    assert a == {"$ref": "#/components/schemas/Opened"}
    assert b == {"$ref": "#/components/schemas/ComAcmeBOpenedOpened"}


def test_a_model_of_a_package_that_is_called_like_one_of_ours_does_not_move_ours() -> None:
    ours = document()["components"]["schemas"]
    outside_event("a.first", outside_data("UsergroupFailure", module="acme", number=(int, ...)))
    made = document()
    is_valid(made)
    assert {name: made["components"]["schemas"][name] for name in ours} == ours
    assert made["components"]["schemas"].keys() - ours.keys() == {"AFirstUsergroupFailure"}


FIELDS = {
    "a text": (str, ...),
    "a number": (int, Field(ge=7)),
    "a list": (list[int], Field(min_length=2)),
    "a model": (outside_data("Inner", module="acme", inner=(str, ...)), ...),
    "one of several": (int | None, ...),
    "a short text": (str, Field(max_length=2)),
}


@pytest.mark.parametrize("field", FIELDS.values(), ids=FIELDS.keys())
def test_a_field_without_example_and_default_gets_one_from_its_type(field: Any) -> None:
    outside_event("com.acme.opened", outside_data("Opened", module="acme", ticket=field))
    made = document()
    is_valid(made)
    [example] = made["components"]["messages"]["com.acme.opened"]["examples"]
    assert "ticket" in example["payload"]["data"]


@pytest.mark.parametrize("field", [(str, Field(pattern="^[0-9]{9}$")), (Callable[[], None], ...)])
def test_a_message_of_which_no_example_can_be_made_has_none(field: Any) -> None:
    outside_event("com.acme.opened", outside_data("Opened", module="acme", ticket=field))
    made = document()
    is_valid(made)
    assert "examples" not in made["components"]["messages"]["com.acme.opened"]


def test_data_that_is_not_narrowed_is_any_json() -> None:
    outside_event("com.acme.opened")
    made = document()
    is_valid(made)
    payload = Draft202012Validator(made["components"]["messages"]["com.acme.opened"]["payload"])
    event = {"specversion": "1.0", "id": "1", "source": "acme", "type": "com.acme.opened"}
    values: tuple[object, ...] = (1, "a", [], None, {"a": {}})
    assert all(payload.is_valid(event | {"data": data}) for data in values)
    assert payload.is_valid(event)


def test_data_may_be_something_else_than_a_model() -> None:
    outside_event("com.acme.opened", dict[str, list[int]])
    made = document()
    is_valid(made)
    data: dict[str, Any] = made["components"]["messages"]["com.acme.opened"]["payload"]["properties"]["data"]
    assert not Draft202012Validator(data).is_valid({"a": ["b"]})


def test_a_type_with_any_characters_is_found_by_a_key_that_asyncapi_allows() -> None:
    outside_event("com.acme/opened~1 ü")
    outside_event("com.acme/opened~1 ö")
    made = document()
    is_valid(made)
    names = {message["name"] for message in made["components"]["messages"].values()}
    assert names >= {"com.acme/opened~1 ü", "com.acme/opened~1 ö"}


def test_the_envelope_has_every_attribute_that_we_send() -> None:
    attributes = document()["components"]["messages"][CREATE]["payload"]["properties"]
    extensions = {"authtype", "authid", "reason", "causationid", "correlationid", "hops"}
    assert attributes.keys() >= extensions | {"dataschema", "subject", "time", "data"}
    assert all(attributes[name]["description"] for name in extensions)


def test_the_operation_speaks_of_installed_packages_too() -> None:
    summary = document()["operations"]["publishEvents"]["summary"]
    assert summary == "Events that qontract and installed packages publish"
