"""What a handler publishes, from the subscriber process."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from qontract.adapters.sqlite import SqliteEventSpool
from tests.support.redis_delivery import STREAM, ask, publish
from tests.support.subscriber_process import Site, happened
from tests.support.waiting import until

EVENT = happened("first", correlation_id="r-42")


@pytest.fixture
def site(valkey_url: str, tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path, {"QAPI_CACHE_BROKER_URL": valkey_url})
    made.install("theirs", waiting="tests.support.troublesome:Waiting")
    try:
        yield made
    finally:
        ask(valkey_url, "CONFIG", "SET", "maxmemory", 0)


def followed(url: str) -> list[dict[str, Any]]:
    """Return the follow-up events in the stream."""
    events = [json.loads(fields[b"__data__"]) for _, fields in ask(url, "XRANGE", STREAM, "-", "+")]
    return [event for event in events if event["type"] == "com.example.followed"]


def check(event: dict[str, Any]) -> None:
    told = event["source"], event["subject"], event["correlationid"], event["causationid"]
    assert told == ("qontract-api/waiting", "first", "r-42", EVENT.id)
    assert event["id"] != EVENT.id


def test_a_follow_up_event_reaches_the_stream_and_the_channel_with_its_cause(site: Site, valkey_url: str) -> None:
    site.go()
    with redis.Redis.from_url(valkey_url) as client, client.pubsub(ignore_subscribe_messages=True) as listener:
        listener.subscribe("main")
        listener.get_message(timeout=5)
        publish(valkey_url, EVENT)
        with site.subscriber():
            until(lambda: len(followed(valkey_url)) == 1)
            until(lambda: len((site.path / "audit.jsonl").read_text().splitlines()) == 2)
        heard: list[Any] = [listener.get_message(timeout=5), listener.get_message(timeout=5)]
    [kept] = followed(valkey_url)
    check(kept)
    assert [json.loads(message["data"]) for message in heard][1] == kept


def test_a_follow_up_event_that_redis_refuses_is_spooled_and_arrives_afterwards(site: Site, valkey_url: str) -> None:
    publish(valkey_url, EVENT)
    spool = SqliteEventSpool(site.path / "spool", max_bytes=1_000_000)
    with site.subscriber(QAPI_EVENTS__SPOOL=str(site.path / "spool")) as one:
        until(lambda: site.notes() == ["begun first"])
        ask(valkey_url, "CONFIG", "SET", "maxmemory-policy", "noeviction")
        ask(valkey_url, "CONFIG", "SET", "maxmemory", 1)
        site.go()
        until(lambda: site.notes() == ["begun first", "ended first"])
        assert followed(valkey_url) == []
        assert len(spool.oldest(10)) == 1
        until(lambda: one.metrics()["qontract_events_handled_total", "waiting"] == 1)
        ask(valkey_url, "CONFIG", "SET", "maxmemory", 0)
        until(lambda: len(followed(valkey_url)) == 1, seconds=10)
        until(lambda: not spool.oldest(10))
    check(followed(valkey_url)[0])
    assert len(followed(valkey_url)) == 1
