"""The page on security: each of its rows names tests that exist, and what it says of Redis is so."""

import ast
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import redis

from qontract.adapters import call_bounds
from qontract.adapters.github import api, organisation_reading
from qontract.adapters.github.settings import GithubSettings
from qontract.adapters.slack import client
from qontract.adapters.slack.slack_usergroups import SlackSettings
from qontract.entrypoints.settings.groups import ApiSettings
from tests.support.jobs import final
from tests.support.paths import ROOT
from tests.support.worker_process import SECRET, Worker, submitted

PAGE = (ROOT / "docs/security.md").read_text()
ROWS = [line for line in PAGE.splitlines() if line.startswith("| **")]
TEST = re.compile(r"`(test_\w+\.py)::(test_\w+)`")


@cache
def functions(file: str) -> set[str]:
    """Return the names of the tests in the files of this name."""
    trees = [ast.parse(path.read_text()) for path in (ROOT / "tests").rglob(file)]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("**")[1])
def test_each_row_says_who_can_do_what_what_limits_it_what_does_not_and_which_tests_show_it(row: str) -> None:
    *said, shown = [cell.strip() for cell in row.strip("| ").split(" | ")]
    assert len(said) == 4
    assert all(said)
    tests = TEST.findall(shown)
    assert tests
    assert TEST.sub("", shown).strip() == ""
    for file, name in tests:
        assert name in functions(file), f"{file} has no {name}"


def test_every_party_has_a_row() -> None:
    parties = {row.split("**")[1] for row in ROWS}
    assert len(parties) == len(ROWS) >= 11


def test_the_figures_of_the_page_are_those_of_the_code() -> None:
    limits = ApiSettings()
    assert f"a head has {limits.head_seconds:.0f} s and a body {limits.body_seconds:.0f} s to come" in PAGE
    assert f"{limits.connections:,} connections" in PAGE
    assert f"| {call_bounds.ANSWER_BYTES // 2**20} MiB | {call_bounds.ANSWER_BYTES // 2**20} MiB, not packed |" in PAGE
    assert PAGE.count(f"{call_bounds.PAGED_BYTES // 2**20} MiB, the time of twenty attempts") == 2
    assert client._PAGED_ATTEMPTS == api._READING_ATTEMPTS == 20
    assert PAGE.count(f"| {client._PAGES:,} pages") == 2
    assert client._PAGES == organisation_reading._PAGES
    assert f"`QAPI_SLACK__TIMEOUT`, {SlackSettings().timeout:.0f} s" in PAGE
    assert f"`QAPI_GITHUB__TIMEOUT`, {GithubSettings().timeout:.0f} s" in PAGE


def values(client: Any, key: bytes) -> str:
    """Return the key with all that it holds, as text."""
    read = {
        "string": client.get,
        "hash": client.hgetall,
        "list": lambda key: client.lrange(key, 0, -1),
        "set": client.smembers,
        "zset": lambda key: client.zrange(key, 0, -1),
        "stream": client.xrange,
        "none": client.get,  # it has expired since it was seen
    }
    return f"{key!r} {read[client.type(key).decode()](key)!r}"


def test_who_reads_all_of_redis_finds_no_token_no_key_and_no_password(valkey_url: str, tmp_path: Path) -> None:
    secrets = {
        "QAPI_SLACK__TOKENS": '{"nowhere": "xoxb-hush-1"}',
        "QAPI_GITHUB__TOKENS": '{"nowhere": "ghp_hush_2"}',
        "QAPI_SLACK_NOTIFIER__TOKEN": "xoxb-hush-3",
        "QAPI_SLACK__API_URL": "http://127.0.0.1:1/",
    }
    with redis.Redis.from_url(valkey_url) as client:
        with Worker(valkey_url, tmp_path, **secrets).running() as running:
            queue, job = submitted(valkey_url)
            final(queue, job)
            during = "".join(values(client, key) for key in client.scan_iter())
            running.terminate()
            running.wait(20)
        found = during + "".join(values(client, key) for key in client.scan_iter())
    assert job.id in found
    assert "slack-usergroups.error" in found
    assert "hush" not in found
    assert SECRET not in found
