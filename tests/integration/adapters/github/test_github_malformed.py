"""Answers of GitHub that have not their shape, and whom they touch."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from qontract.adapters.github.client import GithubCalls
from qontract.adapters.github.organisation_reading import read_organisation
from qontract.application.ports.integration import IntegrationError
from qontract.domain.github_organisation import GithubOrganisation
from qontract.domain.github_teams import TeamAction
from qontract.testing.reconciling import reconcile
from tests.contracts.github_teams import create, delete, update_team
from tests.support.hostile_github import checked, github_at, organisation, refusal, saying
from tests.support.hostile_http import hostile_server

ODD: list[Any] = [None, 5, 1e300, True, "x", "y" * 100_000, "\ud800", [], [1], [None], {}, {"a": 1}, [[]]]
NO_OBJECTS: list[bytes | object] = [
    *(
        b"",
        b"<html>",
        b"null",
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"data": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ),
    *([1], "text", 7, True, {}, {"data": None}, {"data": []}, {"data": {"organization": None}}, {"errors": []}),
    *({"errors": "x"}, {"data": {}, "errors": [1]}, b'{"data": {"organization": ' + b"9" * 10_000 + b"}}"),
]


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Give the path of everything in a JSON value."""
    yield path
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*path, key))


def changed(value: Any, path: tuple[str | int, ...], odd: object) -> Any:
    """Return the value with something odd in this place."""
    if not path:
        return odd
    copy = json.loads(json.dumps(value))
    inside = copy
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = odd
    return copy


class Calls(GithubCalls):
    """Answers every query with this, as it came."""

    def __init__(self, data: dict[str, Any]) -> None:
        self._data = data

    def query(self, query: str, **variables: Any) -> dict[str, Any]:
        return self._data


@pytest.mark.parametrize("path", [path for path in places(organisation()["data"]) if path], ids=str)
def test_whatever_is_in_a_place_of_an_answer_it_is_an_organisation_or_an_error_of_one_line(
    path: tuple[str | int, ...],
) -> None:
    for odd in ODD:
        try:
            found = read_organisation(Calls(changed(organisation()["data"], path, odd)), "acme")
        except IntegrationError as error:
            checked(error)
        else:
            assert GithubOrganisation.model_validate_json(found.model_dump_json()) == found
            assert len(found.model_dump_json()) < 5_000


@pytest.mark.parametrize("body", NO_OBJECTS)
def test_every_malformed_answer_is_an_integration_error_of_one_line(body: bytes | object) -> None:
    with hostile_server(saying(body)) as server:
        refusal(github_at(server.url))


ACTIONS = [
    create(members=("bob",), parent="Outer", parent_slug="outer"),
    update_team(parent="Outer", parent_slug="outer"),
    delete(),
]
WRITTEN: list[bytes | object] = [*NO_OBJECTS, *ODD[:-7], {"id": None}, {"id": "x"}, {"id": []}, {"id": "9" * 5000}]
WRITTEN += [b'{"id": 1e999}', [{"name": 5}], [{"login": 5}], [{}], [[]]]


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.action_type)
def test_an_action_that_is_answered_with_anything_ends_in_an_integration_error_or_well(action: TeamAction) -> None:
    refused = 0
    for body in WRITTEN:
        with hostile_server(saying(json.dumps(body).encode() if not isinstance(body, bytes) else body)) as server:
            try:
                github_at(server.url).apply(action)
            except IntegrationError as error:
                checked(error)
                refused += 1
    assert refused > len(WRITTEN) / 2


@pytest.mark.parametrize(
    "made", [None, [], {"slug": None}, {"slug": 5}, {"slug": "x" * 100_000}, {"slug": "\ud800"}, {"slug": []}]
)
def test_a_team_that_is_made_and_answered_with_nonsense_is_said_to_be_made(made: object) -> None:
    with (
        hostile_server(saying(json.dumps(made).encode())) as server,
        pytest.raises(IntegrationError, match=r"^created, but ") as caught,
    ):
        github_at(server.url).apply(create(members=("bob",)))
    checked(caught.value)


@pytest.mark.parametrize("body", [*NO_OBJECTS, organisation(teams=[1]), organisation(first={"edges": "x"})])
def test_the_bad_answer_of_one_organisation_never_touches_the_run_of_another(body: bytes | object) -> None:
    teams = [{"name": "Team A", "members": ["bob"], "description": "New"}]
    desired = {"organisations": [{"name": name, "teams": teams} for name in ("acme", "other")]}
    with hostile_server(saying(body)) as server:
        result = reconcile(github_at(server.url), desired)
    assert {str(action["subject"]) for action in result.applied_actions} == {"other/team-a"}
    assert len(result.errors) == 1
    assert result.errors[0].startswith("acme")
    assert len(result.errors[0]) < 800
