"""The names that are used from outside, as their users write them."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from qontract.adapters.cloudevents import Event
from qontract.adapters.redis import RedisBroker
from qontract.application.event_manager import EventManager
from qontract.domain.events import DomainEvent
from qontract.entrypoints.container import get_container, get_event_manager


@pytest.fixture(autouse=True)
def a_container_of_its_own(valkey_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("QAPI_CACHE_BROKER_URL", valkey_url)
    get_container.cache_clear()
    yield
    get_container.cache_clear()


def test_event_builds_a_valid_cloudevent_with_id_and_time() -> None:
    event = Event(
        source="my-script", type="com.example.done", data={"a": 1}, datacontenttype="application/json", team="sre"
    )
    written = json.loads(event.to_json())
    assert written["id"]
    assert written["time"].endswith("Z")
    assert written | {"specversion": "1.0", "team": "sre", "data": {"a": 1}} == written


def test_redis_broker_publishes_in_a_script(valkey_url: str) -> None:
    event = Event(source="my-script", type="com.example.done", data={})
    with redis.Redis.from_url(valkey_url) as client, client.pubsub() as listener:
        listener.subscribe("main")
        listener.get_message(timeout=5)
        with RedisBroker(valkey_url) as broker:
            broker.publish(event, channel="main")
            broker.publish(Event(source="my-script", type="com.example.done", data={}), channel="main", stream="kept")
        live: Any = listener.get_message(timeout=5)
        assert Event.from_json(live["data"]) == event
        assert client.xlen("kept") == 1


def test_the_event_manager_publishes_one_or_many(valkey_url: str) -> None:
    manager = get_event_manager()
    assert isinstance(manager, EventManager)
    manager.publish_event(DomainEvent(type="com.example.one", data={}))
    manager.publish_events(
        [DomainEvent(type="com.example.two", data={}), DomainEvent(type="com.example.three", data={})]
    )
    with redis.Redis.from_url(valkey_url) as client:
        kept: Any = client.xrange("qontract:{main}:events")
    assert [Event.from_json(fields[b"__data__"]).type for _, fields in kept] == [
        "com.example.one",
        "com.example.two",
        "com.example.three",
    ]


def test_there_is_no_event_manager_when_events_are_disabled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QAPI_EVENTS__ENABLED", "false")
    assert get_event_manager() is None


def test_the_event_manager_does_not_raise_when_redis_is_away(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("QAPI_CACHE_BROKER_URL", "redis://:hush@127.0.0.1:1/0")
    manager = get_event_manager()
    assert manager
    manager.publish_event(DomainEvent(type="com.example.one", data={}))
    assert [record.message for record in caplog.records] == ["publishing fails"]
    assert "hush" not in caplog.text + str(caplog.records[0].__dict__)


def test_the_subscriber_module_has_app_and_broker_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    from faststream.asgi import AsgiFastStream
    from faststream.redis import RedisBroker as FastStreamBroker

    from qontract.entrypoints import subscriber

    monkeypatch.setattr("qontract.entrypoints.logs.configure_logs", lambda _: None)  # the logs here are pytest's
    subscriber._make_app.cache_clear()
    assert isinstance(subscriber.app, AsgiFastStream)
    assert isinstance(subscriber.broker, FastStreamBroker)
    assert subscriber.app.broker is subscriber.broker
    subscriber._make_app.cache_clear()


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(sys.modules["qontract"].__path__[0]) / "py.typed").exists()
