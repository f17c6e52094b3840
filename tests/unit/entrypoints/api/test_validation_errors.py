"""What is told of a body that is wrong."""

from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from qontract.entrypoints.api.validation_errors import described


class Item(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    channels: tuple[str, ...] = ()


class Wanted(BaseModel):
    model_config = ConfigDict(extra="forbid")
    items: tuple[Item, ...] = Field(min_length=1, max_length=2, fail_fast=True)
    by_name: dict[str, Item] = {}
    maybe: Item | None = None


def wrong(body: Any, most: int = 20) -> list[tuple[str, str]]:
    with pytest.raises(ValidationError) as error:
        Wanted.model_validate(body)
    return [("/".join(map(str, each["loc"])), each["msg"]) for each in described(error.value.errors(), Wanted, most)]


def test_a_list_of_which_an_item_is_wrong_is_not_called_too_short() -> None:
    assert wrong({"items": [{}]}) == [("items/0/name", "Field required")]


def test_a_list_that_is_too_short_is_told() -> None:
    [(where, said)] = wrong({"items": []})
    assert where == "items"
    assert "at least 1 item" in said


def test_a_list_that_is_too_short_is_told_beside_what_is_wrong_elsewhere() -> None:
    assert [where for where, _ in wrong({"items": [], "maybe": {"name": 1}})] == ["items", "maybe/name"]


@pytest.mark.parametrize(
    ("body", "where", "hint"),
    [
        ({"items": [{"name": "a", "chanels": []}]}, "items/0/chanels", "; did you mean channels?"),
        ({"items": [{"name": "a"}], "mayb": None}, "mayb", "; did you mean maybe?"),
        ({"items": [{"name": "a", "zzz": 1}]}, "items/0/zzz", ""),
        ({"items": [{"name": "a", "channels" * 20: 1}]}, f"items/0/{'channels' * 20}", ""),
        ({"items": [{"name": "a"}], "by_name": {"x": {"name": "a", "nam": 1}}}, "by_name/x/nam", ""),
        ({"items": [{"name": "a"}], "maybe": {"name": "a", "nam": 1}}, "maybe/nam", ""),
    ],
    ids=["inside", "outside", "like none", "too long", "in a map", "in a union"],
)
def test_a_name_that_is_not_known_has_the_one_that_is_like_it(body: Any, where: str, hint: str) -> None:
    assert wrong(body) == [(where, f"Extra inputs are not permitted{hint}")]


def test_the_first_are_told() -> None:
    assert len(wrong({str(number): 1 for number in range(30)})) == 20
    assert [where for where, _ in wrong({"items": [{}], "x": 1}, most=1)] == ["items/0/name"]


def test_a_model_without_a_schema_is_told_without_what_is_meant() -> None:
    class Thing: ...

    class Odd(BaseModel):
        model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
        thing: Thing | None = None

    with pytest.raises(ValidationError) as error:
        Odd.model_validate({"thin": 1})
    assert [each["msg"] for each in described(error.value.errors(), Odd, 9)] == ["Extra inputs are not permitted"]
