"""The commands for dead letters, beside letters that no subscription wrote."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from qontract.application.ports.dead_letters import ChangedBy
from tests.support.hostile import ODD_BYTES, odd_letters, odd_objects
from tests.support.redis_event_log import KEYS, dead_letters_at, make
from tests.support.redis_letters import qontract

OURS: dict[Any, Any] = {
    "__data__": b'{"type": "a.b"}',
    "subscription": "s",
    "entry": "1-1",
    "failures": '[{"time": "2026-01-31T09:30:00+00:00", "error": "no"}]',
}


@pytest.fixture
def server(valkey_url: str) -> Iterator[redis.Redis]:
    """A Redis with two subscriptions."""
    with redis.Redis.from_url(valkey_url) as client:
        make(client, "s")
        make(client, "broken")
        yield client


def add(server: redis.Redis, fields: dict[Any, Any], id_: str = "*") -> str:
    added: Any = server.xadd(KEYS.dead, fields, id_)
    return str(added.decode())


def test_every_hostile_letter_is_listed_by_its_id_none_that_is_unreadable_is_redriven_and_all_can_be_discarded(
    server: redis.Redis, valkey_url: str
) -> None:
    dead_letters = dead_letters_at(valkey_url)
    hostile = {add(server, fields): name for name, fields in odd_letters("s")}
    letters = list(dead_letters.iterate())
    assert [letter.id for letter in letters] == list(hostile)
    readable = [hostile[letter.id] for letter in letters if not letter.unreadable]
    assert len(readable) < len(hostile) / 3, readable
    assert [name for name in readable if name.startswith("subscription")] == []
    for letter in letters:
        assert letter.unreadable.isprintable()
        assert len(letter.unreadable) < 1000
        assert all(len(failure.error) <= 1000 for failure in letter.failures)
        assert dead_letters.get(letter.id) == letter
        if letter.unreadable:
            assert not dead_letters.redrive(letter.id)
        assert dead_letters.discard(letter.id)
    assert server.xlen(KEYS.dead) == 0
    assert server.keys(KEYS.redriven("*")) == []


def test_the_commands_work_beside_hostile_letters_and_print_nothing_that_a_terminal_obeys(
    server: redis.Redis, valkey_url: str
) -> None:
    hostile = [add(server, fields) for _, fields in odd_letters("s")]
    ours = add(server, OURS)
    listed = qontract("list", url=valkey_url)
    assert (listed.returncode, listed.stderr) == (0, "")
    assert [line.split("  ")[0] for line in listed.stdout.splitlines()] == [*hostile, ours]
    assert "unreadable: failures: nested too deeply" in listed.stdout
    assert all(len(line) < 1000 for line in listed.stdout.splitlines())
    as_json = qontract("list", "--json", url=valkey_url)
    lines = [json.loads(line) for line in as_json.stdout.splitlines()]
    assert [line["id"] for line in lines] == [*hostile, ours]
    assert ["unreadable" in line for line in lines][-2:] == [True, False]
    shown = qontract("show", hostile[-1], url=valkey_url)
    assert shown.returncode == 0
    redriven = qontract("redrive", "--all", "--yes", url=valkey_url)
    assert redriven.returncode == 1
    left = [letter.id for letter in dead_letters_at(valkey_url).iterate()]
    refused = [line.split(": ")[1] for line in redriven.stderr.splitlines()[:-1]]
    assert left == refused
    assert ours not in left
    assert server.keys(KEYS.redriven("*")) == [KEYS.redriven("s").encode()]
    dry = qontract("discard", "--all", "--dry-run", url=valkey_url)
    assert dry.stderr.strip() == f"{len(left)} would be discarded"
    one = qontract("discard", left[0], "--yes", url=valkey_url)
    assert (one.returncode, one.stderr.strip()) == (0, "1 discarded")
    assert qontract("discard", "--all", "--yes", url=valkey_url).stderr.strip() == f"{len(left) - 1} discarded"
    for done in (listed, as_json, shown, redriven, dry, one):
        text = done.stdout + done.stderr
        assert [char for char in text if not char.isprintable() and char != "\n"] == []


def test_a_letter_whose_subscription_cannot_take_it_keeps_no_other_letter(server: redis.Redis, valkey_url: str) -> None:
    server.set(KEYS.redriven("broken"), "not a stream")
    first, kept, last = add(server, OURS), add(server, OURS | {"subscription": "broken"}), add(server, OURS)
    done = qontract("redrive", "--all", "--yes", url=valkey_url)
    assert done.returncode == 1
    assert [line.split("  ")[0] for line in done.stdout.splitlines()] == [first, last]
    assert done.stderr.startswith(f"qontract: {kept}: not redriven: Redis refused")
    assert done.stderr.splitlines()[-1] == "2 redriven"
    assert server.xlen(KEYS.dead) == 1


@pytest.mark.parametrize("count", ["x", "1.5", "nan", "inf", "1e300", ""])
@pytest.mark.parametrize("change", ["redrive", "discard"])
def test_a_count_that_is_none_stops_neither_a_redrive_nor_a_discard(
    server: redis.Redis, valkey_url: str, count: str, change: str
) -> None:
    server.hset(KEYS.dead_counts, "s", count)
    id_ = add(server, OURS)
    assert getattr(dead_letters_at(valkey_url), change)(id_)
    assert server.xlen(KEYS.dead) == 0


@pytest.mark.parametrize("change", ["redrive", "discard"])
def test_counts_of_another_type_stop_neither_a_redrive_nor_a_discard(
    server: redis.Redis, valkey_url: str, change: str
) -> None:
    server.set(KEYS.dead_counts, "x")
    assert getattr(dead_letters_at(valkey_url), change)(add(server, OURS))
    assert server.xlen(KEYS.dead) == 0


def test_the_last_id_that_a_letter_can_have_is_an_id(server: redis.Redis, valkey_url: str) -> None:
    id_ = add(server, OURS, f"{2**64 - 1}-{2**64 - 1}")
    dead_letters = dead_letters_at(valkey_url)
    assert dead_letters.get(f"{2**64}-0") is None
    assert dead_letters.discard(id_)


def test_a_mark_that_is_none_is_as_if_it_was_not_there(server: redis.Redis, valkey_url: str) -> None:
    dead_letters = dead_letters_at(valkey_url)
    odd = [*ODD_BYTES.values(), b"1 [1, 2]", b"1 []", b"x []", b"-1 {}", b"9" * 20 + b' ["a", "b"]']
    for mark in odd:
        letter = dead_letters.get(add(server, OURS | {"redriven": mark}))
        assert letter
        assert (letter.unreadable, letter.redriven) == ("", None)
        assert dead_letters.redrive(letter.id)
        server.zadd(KEYS.redrives, {b"%020d-%020d|s|" % (7, 1) + mark: 0})
        assert dead_letters.redriven("s", "7-1") is None
        server.delete(KEYS.redrives)


def test_a_record_of_a_change_that_is_none_is_dropped_and_hides_no_other(server: redis.Redis, valkey_url: str) -> None:
    dead_letters = dead_letters_at(valkey_url)
    dead_letters.discard(add(server, OURS), ChangedBy("alice", batch="one"))
    record = json.loads(server.xrange(KEYS.dead_changes)[0][1][b"change"])  # type: ignore[index] # redis-py's types
    for odd in (b"", *ODD_BYTES.values(), *(value for _, value in odd_objects(record))):
        server.xadd(KEYS.dead_changes, {"change": odd})
    server.xadd(KEYS.dead_changes, {"x": "y"})
    dead_letters.discard(add(server, OURS), ChangedBy("bob", batch="two"))
    found = dead_letters.changes()
    assert [(change.by, change.batch) for change in (found[0], found[-1])] == [("alice", "one"), ("bob", "two")]
    assert server.xlen(KEYS.dead_changes) == len(found)
    dead_letters.forget(found)
    assert server.xlen(KEYS.dead_changes) == 0
