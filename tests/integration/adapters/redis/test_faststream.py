"""Plain FastStream handlers on a real Valkey, and in the subscriber's process."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import pytest
import redis
from faststream.redis import RedisBroker, StreamSub

from qontract.adapters.cloudevents import Event
from qontract.adapters.redis.faststream import faststream_broker
from tests.support.processes import free_port, process
from tests.support.waiting import eventually, until

STREAM = "qontract:{main}:events"
IN_GROUP = StreamSub(STREAM, batch=True, group="mine", consumer="one")
FROM_THE_START = StreamSub(STREAM, batch=True, last_id="0-0")
LIVE = """
from qontract.adapters.cloudevents import Event
from qontract.entrypoints.subscriber import app, broker

@broker.subscriber("main")
async def heard(event: Event) -> None:
    if event.subject is None:
        raise LookupError("it has no subject")
    open({file!r}, "a").write(event.subject + "\\n")
"""


def an_event(number: int) -> Event:
    return Event(source="shop", type="com.example.opened", subject=f"s-{number}", data={"number": number})


@pytest.fixture
def client(valkey_url: str) -> Any:
    with redis.Redis.from_url(valkey_url) as client:
        yield client


async def received(broker: RedisBroker, got: list[Any], count: int) -> list[Any]:
    async with broker:
        await broker.start()
        await eventually(lambda: len(got) >= count)
    return got


@pytest.mark.anyio
@pytest.mark.parametrize("stream", [IN_GROUP, FROM_THE_START], ids=["in a group", "without a group"])
async def test_a_batch_subscriber_gets_every_event_and_leaves_out_what_is_none(
    valkey_url: str, client: Any, stream: "StreamSub[Literal[True]]", caplog: pytest.LogCaptureFixture
) -> None:
    got: list[Event] = []
    broker = faststream_broker(valkey_url)
    client.xgroup_create(STREAM, "mine", id="0-0", mkstream=True)

    @broker.subscriber(stream=stream)
    async def many(events: list[Event]) -> None:
        got.extend(events)

    events = [an_event(number) for number in range(3)]
    for foreign in ({"__data__": b"\x89BIN\xff"}, {"__data__": b"{}"}, {"other": b"fields"}):
        client.xadd(STREAM, foreign)
    for event in events:
        client.xadd(STREAM, {"__data__": event.to_json()})
    assert await received(broker, got, 3) == events
    assert client.xpending(STREAM, "mine")["pending"] == 0
    assert sum("is no event" in record.getMessage() for record in caplog.records) == 3


@pytest.mark.anyio
async def test_what_is_published_is_the_events_json_and_a_request_is_refused_at_once(
    valkey_url: str, client: Any
) -> None:
    event = an_event(1)
    async with faststream_broker(valkey_url) as broker:
        await broker.publish(event, stream=STREAM)
        with pytest.raises(NotImplementedError, match="no place for reply_to"):
            await broker.request(event, channel="main")
    assert [fields for _, fields in client.xrange(STREAM)] == [{b"__data__": event.to_json()}]


@pytest.mark.anyio
async def test_a_handler_that_returns_nothing_publishes_nothing(valkey_url: str, client: Any) -> None:
    got: list[Event] = []
    broker = faststream_broker(valkey_url)

    @broker.subscriber(stream=StreamSub("in", last_id="0-0"))
    @broker.publisher(stream="out")
    async def answer(event: Event) -> Event | None:
        got.append(event)
        return None if event.subject == "s-1" else event

    for number in (1, 2):
        client.xadd("in", {"__data__": an_event(number).to_json()})
    await received(broker, got, 2)
    assert [json.loads(fields[b"__data__"])["subject"] for _, fields in client.xrange("out")] == ["s-2"]


@pytest.mark.parametrize(
    "command",
    [
        ["-m", "qontract.entrypoints.subscriber"],
        ["-m", "uvicorn", "qontract.entrypoints.subscriber:app"],
        ["-m", "uvicorn", "--factory", "qontract.entrypoints.subscriber:create_app"],
    ],
    ids=["ours", "uvicorn", "factory"],
)
def test_modules_that_the_settings_name_are_loaded_and_the_log_has_json_lines_only(
    valkey_url: str, tmp_path: Path, command: list[str], client: Any
) -> None:
    heard, log, port = tmp_path / "heard", tmp_path / "log", str(free_port())
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme" / "live.py").write_text(LIVE.format(file=str(heard)))
    if "uvicorn" in command:
        command = [*command, "--port", port, "--no-access-log"]
    settings: dict[str, Any] = {
        "PYTHONPATH": f"{tmp_path}:src",
        "QAPI_CACHE_BROKER_URL": valkey_url,
        "QAPI_SUBSCRIBER__PORT": port,
        "QAPI_SUBSCRIBER__MODULES": '["acme.live"]',
    }
    with process(*command, ready=f"http://127.0.0.1:{port}/health/live", log=log, **settings):
        client.publish("main", Event(source="shop", type="com.example.opened").to_json())
        client.publish("main", an_event(1).to_json())
        until(lambda: heard.exists() and heard.read_text() == "s-1\n")
    lines = [json.loads(line) for line in log.read_text().splitlines() if not line.startswith("INFO:")]
    assert [line["event"] for line in lines if line["level"] == "error"] == ["LookupError: it has no subject"]
    assert not [line for line in lines if line["event"] in {"Received", "Processed"}]


def test_a_module_that_imports_the_app_gets_the_one_that_is_served(tmp_path: Path) -> None:
    (tmp_path / "live.py").write_text(LIVE.format(file="heard"))
    environment = {"PYTHONPATH": f"{tmp_path}:src", "QAPI_SUBSCRIBER__MODULES": '["live"]'}
    program = "from qontract.entrypoints.subscriber import app, broker; import live; print(live.app is app)"
    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert ended.stdout == "True\n"


@pytest.mark.parametrize(
    ("source", "reason"),
    [(None, "ModuleNotFoundError: No module named 'acme'"), ("raise OSError('no\\nfile')", "OSError: no file")],
)
def test_a_module_that_cannot_be_imported_stops_the_process_with_one_line(
    tmp_path: Path, source: str | None, reason: str
) -> None:
    if source is not None:
        (tmp_path / "acme").mkdir()
        (tmp_path / "acme" / "live.py").write_text(source)
    environment = {"PYTHONPATH": f"{tmp_path}:src", "QAPI_SUBSCRIBER__MODULES": '["json", "acme.live"]'}
    command = [sys.executable, "-m", "qontract.entrypoints.subscriber"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 1
    assert ended.stderr == f"qontract: QAPI_SUBSCRIBER__MODULES: acme.live: {reason}\n"
