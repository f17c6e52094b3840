"""The subscriber process on a Redis in which somebody has put what is not ours."""

import json
from pathlib import Path
from typing import Any

import pytest
import redis

from qontract.adapters.redis.keys import keys_of
from tests.support.hostile import ODD_BYTES, odd_objects, other_types
from tests.support.redis_delivery import STREAM, ask, pending, publish
from tests.support.subscriber_process import Site, happened
from tests.support.waiting import until

MODULE = "tests.support.troublesome"
KEYS = keys_of("main", STREAM)
OURS = {
    KEYS.intents: "hash",
    KEYS.dead: "stream",
    KEYS.dead_counts: "hash",
    KEYS.alive: "hash",
    KEYS.dead_changes: "stream",
    KEYS.redrives: "zset",
    KEYS.redrive_runs: "hash",
    KEYS.redriven("shared"): "stream",
    KEYS.records("shared"): "hash",
    KEYS.redriven("ordered"): "stream",
    KEYS.records("ordered"): "hash",
    KEYS.lease("ordered"): "string",
}


@pytest.fixture
def site(valkey_url: str, tmp_path: Path) -> Site:
    site = Site(tmp_path, {"QAPI_CACHE_BROKER_URL": valkey_url, "QAPI_SUBSCRIBER__CLAIM_SECONDS": "4"})
    site.install("theirs", shared=f"{MODULE}:Shared", ordered=f"{MODULE}:Ordered")
    return site


def replace(valkey_url: str, key: str, *command: Any) -> None:
    """Delete the key and do the command in one step: the subscriber must not write the key in between."""
    with redis.Redis.from_url(valkey_url) as client, client.pipeline(transaction=True) as both:
        both.delete(key)
        both.execute_command(*command)
        both.execute()


def test_hostile_values_in_every_key_stop_neither_the_process_nor_a_subscription(site: Site, valkey_url: str) -> None:
    broken = ("unset", "string", "hash", "list")
    with site.subscriber() as one:
        for number in range(len(broken)):
            for key, ours in OURS.items():
                replace(valkey_url, key, *list(other_types(key, than=ours))[number][1])
            for group in (b"\xff\xfe", b"\x1b[2J", b"y" * 10_000):
                ask(valkey_url, "XGROUP", "CREATE", STREAM, group + b"%d" % number, "0")
                ask(valkey_url, "HSET", KEYS.alive + "x", group, "\xff")
            for odd in ODD_BYTES.values():
                ask(valkey_url, "XADD", STREAM, "*", "__data__", odd, "__type__", odd)
                ask(valkey_url, "XADD", STREAM, "*", odd, odd)
            ask(valkey_url, "SADD", KEYS.handled("ordered", "x"), "x")
            publish(valkey_url, happened(f"subject-{number}"))
            until(lambda: site.notes().count(f"subject-{number} 1") == 2, seconds=30)  # noqa: B023 - it is called at once
        until(lambda: pending(valkey_url, "shared") == pending(valkey_url, "ordered") == 0)
        until(lambda: one.ready()[0] == 200)
        assert one.process.poll() is None
        aside = [line["key"] for line in one.lines("key has the wrong type; it is set aside")]
        assert sorted(aside) == sorted([*OURS] * len(broken))
        assert len(one.lines()) < 600
        assert all(len(json.dumps(line)) < 20_000 for line in one.lines())


def test_an_unreadable_record_of_attempts_is_no_failure_and_its_event_is_handled(site: Site, valkey_url: str) -> None:
    records = [b"garbage", b'{"failures": 5, "due": 0, "begun": 0}', *ODD_BYTES.values()]
    records += [odd for _, odd in odd_objects({"failures": [], "due": 0, "begun": 0})]
    for name in ("shared", "ordered"):
        ask(valkey_url, "XGROUP", "CREATE", STREAM, name, "0", "MKSTREAM")
    for number, record in enumerate(records):
        entry = ask(valkey_url, "XADD", STREAM, "*", "__data__", _bytes(f"subject-{number}"))
        for name in ("shared", "ordered"):
            ask(valkey_url, "XREADGROUP", "GROUP", name, "dead", "STREAMS", STREAM, ">")
            ask(valkey_url, "HSET", KEYS.records(name), entry, record)
    with site.subscriber() as one:
        until(lambda: len(site.notes()) >= 2 * len(records), seconds=30)
        assert {note.partition(" ")[0] for note in site.notes()} == {f"subject-{n}" for n in range(len(records))}
        until(lambda: pending(valkey_url, "shared") == pending(valkey_url, "ordered") == 0)
        assert one.lines("delivery broke off; it begins again") == []


def test_a_lease_without_an_end_is_taken_over_by_whoever_stands_by(site: Site, valkey_url: str) -> None:
    ask(valkey_url, "SET", KEYS.lease("ordered"), "somebody")
    publish(valkey_url, happened("first"))
    with site.subscriber(QAPI_SUBSCRIBER__HANDLERS='{"shared": null}') as one:
        until(lambda: site.notes() == ["first 1"])
        [line] = one.lines("key has the wrong type; it is set aside")
        assert (line["key"], line["was"]) == (KEYS.lease("ordered"), "without an end")
        until(lambda: one.ready()[0] == 200)


def test_a_subscription_that_nobody_reads_for_somebody_has_its_lease_is_not_ready(site: Site, valkey_url: str) -> None:
    ask(valkey_url, "SET", KEYS.lease("ordered"), "somebody", "EX", "500")
    publish(valkey_url, happened("first"))
    with site.subscriber(wait=False, QAPI_SUBSCRIBER__CLAIM_SECONDS="0.5") as one:
        until(lambda: one.ready()[1].get("unattended") == ["ordered"], seconds=25)
        assert one.ready()[0] == 503
        [line] = one.lines("subscription is unattended; events wait, and no replica reads it")
        assert line["subscription"] == "ordered"
        ask(valkey_url, "DEL", KEYS.lease("ordered"))
        until(lambda: "first 1" in site.notes())
        until(lambda: one.ready()[0] == 200)


def test_a_subscription_whose_oldest_event_is_old_is_named_by_readiness(site: Site, valkey_url: str) -> None:
    ask(valkey_url, "XADD", STREAM, "1000-1", "__data__", _bytes("waits"))
    site.install("waiting", waiting=f"{MODULE}:Waiting")
    with site.subscriber() as one:
        until(lambda: one.ready() == (200, one.ready()[1] | {"behind": ["waiting"]}))
        assert [line["subscription"] for line in one.lines("subscription is behind")] == ["waiting"]
        site.go()
        until(lambda: one.ready()[1]["behind"] == [])


def test_a_permanent_error_of_redis_is_neither_retried_without_a_pause_nor_logged_each_time(
    site: Site, valkey_url: str
) -> None:
    ask(valkey_url, "SET", STREAM, "not a stream")
    ask(valkey_url, "CONFIG", "RESETSTAT")
    with site.subscriber(wait=False) as one:
        until(lambda: one.ready()[0] == 503)
        begun = _commands(valkey_url)
        until(lambda: _commands(valkey_url) > begun + 30, seconds=40)  # it goes on to try
        lines = [line for line in one.lines() if "WRONGTYPE" in line.get("error", "")]
        assert 3 <= len(lines) <= 10
        assert sorted(one.ready()[1]["stalled"]) == ["audit-log", "ordered", "shared"]
        ask(valkey_url, "DEL", STREAM)
        until(lambda: one.ready()[0] == 200)


def _commands(url: str) -> int:
    """Return how often the server was asked to run a script."""
    stats = ask(url, "INFO", "commandstats")
    return int(stats.get("cmdstat_evalsha", {"calls": 0})["calls"])


def _bytes(subject: str) -> bytes:
    event = {"specversion": "1.0", "id": subject, "source": "/x", "type": "com.example.happened", "subject": subject}
    return json.dumps(event).encode()
