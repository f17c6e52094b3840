"""The commands for dead letters by cause, and for who did what with them, on a real Valkey."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from qontract.domain.dead_letters import FailedAttempt, group_id
from qontract.domain.failure_causes import Cause
from qontract.entrypoints.cli.operating_user import operating_user
from qontract.testing.contracts.dead_letters import CAUSE, EVENT, FAILURES, Store
from tests.support.redis_event_log import KEYS
from tests.support.redis_letters import DEAD, lines, qontract, store_at

GROUP = group_id("s", CAUSE)


@pytest.fixture
def server(valkey_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(valkey_url) as client:
        yield client


@pytest.fixture
def store(valkey_url: str, server: redis.Redis) -> Store:
    return store_at(valkey_url, server)


def test_one_that_was_redriven_and_died_again_says_when_and_by_whom(
    store: Store, server: redis.Redis, valkey_url: str
) -> None:
    first = store.die("s")
    fields: Any = server.xrange(DEAD)
    server.xadd(DEAD, fields[0][1] | {b"redriven": b'1769851802000 ["alice@ops-1", ""]'})
    again = store.ids()[-1]
    assert "redriven   " not in qontract("show", first, url=valkey_url).stdout
    shown = qontract("show", again, url=valkey_url).stdout
    assert "  redriven      2026-01-31 09:30:02 by alice@ops-1, and died again\n" in shown
    found = json.loads(qontract("show", again, "--json", url=valkey_url).stdout)
    assert found["redriven"] == {"time": "2026-01-31T09:30:02+00:00", "by": "alice@ops-1"}


def test_a_letter_of_a_subscription_that_is_gone_is_refused_with_what_to_do(store: Store, valkey_url: str) -> None:
    gone, kept = store.die("gone"), store.die("s")
    store.lose("gone")
    done = qontract("redrive", "--all", "--yes", url=valkey_url)
    assert done.returncode == 1
    refused = "its subscription gone is gone: run it, or discard what it gave up"
    assert done.stderr.splitlines() == [f"qontract: {gone}: not redriven: {refused}", "1 redriven"]
    assert [line.split("  ")[0] for line in done.stdout.splitlines()] == [kept]
    assert store.ids() == [gone]
    group = qontract("redrive", "--group", group_id("gone", CAUSE), "--dry-run", url=valkey_url)
    assert (group.returncode, group.stdout) == (1, "")
    assert group.stderr == f"qontract: {group_id('gone', CAUSE)}: not redriven: {refused}\n"


def test_who_redrove_and_who_discarded_is_an_event_and_a_mark(
    store: Store, server: redis.Redis, valkey_url: str
) -> None:
    first, second = store.dead_letter("s", EVENT, FAILURES, "7-0"), store.die("s")
    qontract("redrive", first, url=valkey_url)
    qontract("discard", second, "--yes", url=valkey_url)
    qontract("discard", "--all", "-y", url=valkey_url)
    entries: Any = server.xrange(KEYS.stream)
    redriven, discarded = (json.loads(fields[b"__data__"]) for _, fields in entries)
    assert redriven["type"] == "qontract-api.dead-letters.redriven"
    assert discarded["type"] == "qontract-api.dead-letters.discarded"
    assert redriven["data"]["letters"] == [{"id": first, "entry": "7-0", "event_id": "1"}]
    assert (redriven["subject"], redriven["data"]["cause"]) == ("s", str(CAUSE))
    mark = store.dead_letters.redriven("s", "7-0")
    assert mark
    assert mark.by == redriven["authid"] == redriven["data"]["by"] == operating_user()
    assert store.dead_letters.changes() == []


def test_where_events_are_disabled_letters_are_redriven_all_the_same(store: Store, valkey_url: str) -> None:
    id_ = store.die("s")
    assert lines(qontract("redrive", id_, url=valkey_url, QAPI_EVENTS__ENABLED="false"))[0][0] == id_
    assert store.dead_letters.changes() == []


def test_groups_have_a_line_for_what_the_cause_and_an_example_each(store: Store, valkey_url: str) -> None:
    for number in range(3):
        store.dead_letter("crm", EVENT, (FailedAttempt(FAILURES[0].time, f"KeyError: {number}", CAUSE),), "1-1")
    other = store.dead_letter("audit-log", b"?", (FailedAttempt(FAILURES[1].time, "cannot be read: no JSON"),), "1-1")
    done = qontract("groups", url=valkey_url)
    assert done.stdout.splitlines() == [
        "GROUP         COUNT  FIRST           LAST            SUBSCRIPTION",
        f"{group_id('crm', CAUSE)}        3  01-31 09:30:00  01-31 09:30:00  crm",
        f"            {CAUSE}",
        f"            {store.ids()[0]}: KeyError: 0",
        f"{group_id('audit-log', Cause('is no event'))}        1  01-31 09:30:02  01-31 09:30:02  audit-log",
        "            is no event",
        f"            {other}: cannot be read: no JSON",
    ]
    chosen = qontract("groups", "--subscription", "crm", "--json", url=valkey_url)
    [found] = [json.loads(line) for line in chosen.stdout.splitlines()]
    assert (found["id"], found["count"], found["cause"]) == (group_id("crm", CAUSE), 3, str(CAUSE))
    assert (found["kind"], found["where"], found["error"]) == (*CAUSE, "KeyError: 0")
    discarded = qontract("discard", "--group", found["id"], "--yes", url=valkey_url)
    assert discarded.stderr.strip() == "3 discarded"
    assert store.ids() == [other]


def test_a_group_that_nobody_reads_or_knows_or_can_read_is_refused_with_what_to_do(
    store: Store, server: redis.Redis, valkey_url: str
) -> None:
    store.die("s")
    done = qontract("redrive", "--group", GROUP, "--yes", url=valkey_url)
    assert done.returncode == 1
    assert done.stderr == (
        f"qontract: {GROUP}: not redriven: nobody reads its subscription s (no replica): nobody has ever run it;"
        " see qontract subscriptions show s\n"
    )
    unknown = qontract("redrive", "--group", "x\x1b", "--yes", url=valkey_url)
    assert unknown.returncode == 1
    assert unknown.stderr.startswith("qontract: x\\u001b: no dead letter is of this group; see ")
    server.xadd(DEAD, {"x": "y"})
    unreadable = json.loads(qontract("groups", "--json", url=valkey_url).stdout.splitlines()[-1])
    assert unreadable["cause"] == "unreadable letter"
    refused = qontract("redrive", "--group", unreadable["id"], "--yes", url=valkey_url)
    assert refused.stderr.endswith(f"qontract dead-letters discard --group {unreadable['id']}\n")
    assert len(store.ids()) == 2


@pytest.mark.parametrize("rate", ["0/s", "-1/s", "x", "10/h", "inf", "nan"])
def test_a_rate_that_is_none_is_a_usage_error(valkey_url: str, rate: str) -> None:
    assert qontract("redrive", "--group", GROUP, "--rate", rate, "--yes", url=valkey_url).returncode == 2
