"""The subscriber, as a process."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from qontract.adapters.cloudevents import to_cloudevent
from qontract.adapters.memory import InMemoryEventPublisher
from qontract.adapters.redis import RedisBroker
from qontract.application.event_manager import EventManager
from qontract.application.subscription import Subscription
from qontract.domain.events import DomainEvent, catalogue
from qontract.domain.slack_usergroups import UpdateUsers, applied
from tests.joined_log import JoinedLog
from tests.processes import free_port, process, until
from tests.slack_sandbox import Sandbox

STREAM = "qontract:{main}:events"
EVENT = applied(
    UpdateUsers(
        workspace="coreos",
        usergroup="team-a",
        usergroup_id="S1",
        users=("alice", "bob"),
        user_ids=("U1", "U2"),
        users_to_add=("alice", "bob"),
        users_to_remove=(),
    ),
    correlation_id="r-42",
)


def publish(url: str, event: DomainEvent) -> None:
    with RedisBroker(url) as broker:
        broker.publish(to_cloudevent(event, "qontract-api"), channel="main", stream=STREAM)


def lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


@pytest.fixture
def settings(valkey_url: str, tmp_path: Path) -> dict[str, str]:
    return {
        "QAPI_CACHE_BROKER_URL": valkey_url,
        "QAPI_SUBSCRIBER__PORT": str(free_port()),
        "QAPI_SUBSCRIBER__HOST": "127.0.0.1",
        "QAPI_AUDIT_LOG__FILE": str(tmp_path / "audit.jsonl"),
    }


@pytest.fixture
def subscriber(settings: dict[str, str]) -> Iterator[str]:
    url = f"http://127.0.0.1:{settings['QAPI_SUBSCRIBER__PORT']}"
    with process("-m", "qontract.entrypoints.subscriber", ready=f"{url}/health/ready", **settings):
        yield url


@pytest.fixture
def document(subscriber: str) -> dict[str, Any]:
    answer: dict[str, Any] = httpx.get(f"{subscriber}/docs/asyncapi.json").json()
    return answer


@pytest.mark.anyio
async def test_a_handler_that_works_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOINED_FILE", str(tmp_path / "joined"))
    publisher = InMemoryEventPublisher(Subscription("joined", JoinedLog()))
    EventManager(publisher).publish_event(EVENT)
    await publisher.deliver()
    assert lines(tmp_path / "joined") == ["alice joined coreos/team-a", "bob joined coreos/team-a"]


def test_works_the_same_in_the_subscriber_process_when_an_installed_package_names_it(
    settings: dict[str, str], valkey_url: str, tmp_path: Path
) -> None:
    installed = tmp_path / "site" / "joined-1.0.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: joined\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text("[qontract.event_handlers]\njoined = tests.joined_log:JoinedLog\n")
    publish(valkey_url, EVENT)
    paths = {"PYTHONPATH": f"{tmp_path / 'site'}:{Path(__file__).parents[2]}", "JOINED_FILE": str(tmp_path / "joined")}
    with process("-m", "qontract.entrypoints.subscriber", **settings, **paths):
        until(lambda: len(lines(tmp_path / "joined")) == 2)
    assert lines(tmp_path / "joined") == ["alice joined coreos/team-a", "bob joined coreos/team-a"]


def test_the_audit_log_has_the_whole_event_on_a_line(subscriber: str, valkey_url: str, tmp_path: Path) -> None:
    publish(valkey_url, EVENT)
    until(lambda: len(lines(tmp_path / "audit.jsonl")) == 1)
    logged = json.loads(lines(tmp_path / "audit.jsonl")[0])
    assert logged == json.loads(to_cloudevent(EVENT, "qontract-api").to_json())
    assert logged["correlationid"] == "r-42"


def test_uvicorn_serves_the_app_and_a_plain_faststream_handler_gets_every_event_live(
    settings: dict[str, str], valkey_url: str, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(
        "from qontract.entrypoints.subscriber import app, broker\n"
        "from qontract.adapters.cloudevents import Event\n"
        "@broker.subscriber('main')\n"
        "async def heard(event: Event) -> None:\n"
        f"    open({str(tmp_path / 'heard')!r}, 'a').write(event.type + ' ' + event.data['usergroup'] + '\\n')\n"
    )
    port = settings["QAPI_SUBSCRIBER__PORT"]
    command = ["-m", "uvicorn", "mine:app", "--port", port]
    ready = f"http://127.0.0.1:{port}/health/ready"
    with process(*command, ready=ready, PYTHONPATH=str(tmp_path), **settings):
        publish(valkey_url, EVENT)
        until(lambda: lines(tmp_path / "heard") == ["qontract-api.slack-usergroups.update_users team-a"])
        until(lambda: len(lines(tmp_path / "audit.jsonl")) == 1)


def test_the_slack_notifier_posts_each_event_to_the_channel_that_is_configured(
    settings: dict[str, str], valkey_url: str, slack_sandbox: Sandbox
) -> None:
    slack = {
        "QAPI_SLACK_NOTIFIER__API_URL": slack_sandbox.url,
        "QAPI_SLACK_NOTIFIER__TOKEN": "xoxb-sandbox-coreos",
        "QAPI_SLACK_NOTIFIER__CHANNEL": "general",
    }
    publish(valkey_url, EVENT)
    with process("-m", "qontract.entrypoints.subscriber", **settings, **slack):
        until(lambda: len(slack_sandbox.messages("coreos")) == 1)
    assert "coreos/team-a" in slack_sandbox.messages("coreos")[0]


def test_sigterm_ends_it_cleanly(settings: dict[str, str]) -> None:
    ready = f"http://127.0.0.1:{settings['QAPI_SUBSCRIBER__PORT']}/health/ready"
    with process("-m", "qontract.entrypoints.subscriber", ready=ready, **settings) as running:
        running.send_signal(signal.SIGTERM)
        output, _ = running.communicate(timeout=15)
        assert running.returncode == 0, output
        assert "Traceback" not in output


def test_its_health_and_metrics_are_served(subscriber: str, valkey_url: str) -> None:
    assert httpx.get(f"{subscriber}/health/live").status_code == 200
    publish(valkey_url, EVENT)
    handled = 'qontract_events_handled_total{subscription="audit-log"} 1.0'
    until(lambda: handled in httpx.get(f"{subscriber}/metrics").text)


def test_nothing_can_be_tried_out_from_its_pages(subscriber: str) -> None:
    for path in ("/docs/asyncapi/try", "/asyncapi/try"):
        assert httpx.post(f"{subscriber}{path}", json={"channelName": "main", "message": {}}).status_code == 404
    page = httpx.get(f"{subscriber}/docs/asyncapi").text
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")


def test_the_asyncapi_document_has_a_message_for_every_event_type_with_a_valid_example(
    document: dict[str, Any],
) -> None:
    assert document["asyncapi"] == "3.0.0"
    messages = document["components"]["messages"]
    assert set(catalogue()) <= set(messages)
    for name in catalogue():
        schema = messages[name]["payload"] | {"components": document["components"]}
        for example in messages[name]["examples"]:
            jsonschema.validate(example["payload"], schema)
            assert example["payload"]["type"] == name
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(messages[name]["examples"][0]["payload"] | {"data": {}}, schema)


def test_every_reference_in_the_asyncapi_document_leads_somewhere(document: dict[str, Any]) -> None:
    found = 0
    for reference in references(document):
        place = document
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]
        found += 1
    assert found > len(catalogue())


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)
