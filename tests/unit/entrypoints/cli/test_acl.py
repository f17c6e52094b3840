"""The command `acl`: a rule that can be given to Redis, for the names of the settings."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from qontract.adapters.redis.acl import AclUser, rule
from qontract.entrypoints import cli
from qontract.entrypoints.container import get_container

NAMES = {"channel": "main", "stream": "qontract:{main}:events"}


@pytest.fixture(autouse=True)
def _new_container() -> Iterator[None]:
    get_container.cache_clear()
    yield
    get_container.cache_clear()


def printed(*arguments: str, **settings: str) -> Any:
    return CliRunner().invoke(cli.app, ["acl", *arguments], env=settings)


def test_without_a_process_it_prints_a_rule_for_each_below_a_line_that_says_whose_it_is() -> None:
    rules = [f"# {one}: the user qontract-{one}\n{rule(one, user=f'qontract-{one}', **NAMES)}\n" for one in AclUser]
    assert printed().stdout == "\n".join(rules)
    assert len(printed("--json").stdout.splitlines()) == len(rules)


def test_a_process_a_user_and_the_names_of_the_settings_are_in_its_rule() -> None:
    done = printed("worker", "--user", "jobs", QAPI_EVENTS__CHANNEL="eu", QAPI_EVENTS__STREAM="kept")
    assert done.stdout == rule(AclUser.WORKER, channel="eu", stream="kept", user="jobs") + "\n"


def test_a_rule_comes_as_json_too() -> None:
    [line] = printed("api", "--json").stdout.splitlines()
    text = rule(AclUser.API, user="qontract-api", **NAMES)
    assert json.loads(line) == {"process": "api", "user": "qontract-api", "rule": text}


def test_no_password_of_the_settings_is_printed() -> None:
    assert "hush" not in printed(QAPI_CACHE_BROKER_URL="redis://me:hush@somewhere/0").output


@pytest.mark.parametrize(
    ("arguments", "settings", "code"),
    [
        (("worker", "--user", "a b"), {}, 1),
        (("worker",), {"QAPI_EVENTS__STREAM": "a b"}, 1),
        (("--user", "jobs"), {}, 2),
        (("nobody",), {}, 2),
    ],
)
def test_what_makes_no_rule_is_refused(arguments: tuple[str, ...], settings: dict[str, str], code: int) -> None:
    done = printed(*arguments, **settings)
    assert done.exit_code == code
    assert "SETUSER" not in done.stdout
