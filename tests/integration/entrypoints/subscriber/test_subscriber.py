"""The subscriber, as a process: what it runs, and its pages."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema  # type: ignore[import-untyped]
import pytest

from qontract.adapters.cloudevents import to_cloudevent
from qontract.domain.events import catalogue
from qontract.domain.slack_usergroups import UpdateUsers
from qontract.testing import deliver
from tests.support import requesting
from tests.support.documents import references
from tests.support.joined_log import JoinedLog
from tests.support.processes import free_port, process
from tests.support.redis_delivery import publish
from tests.support.slack_events import applied
from tests.support.slack_sandbox import Sandbox
from tests.support.subscriber_process import Site, Subscriber
from tests.support.waiting import until

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
OURS = {name for name, kind in catalogue().items() if kind.__module__.startswith("qontract.")}


def lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


@pytest.fixture
def site(valkey_url: str, tmp_path: Path) -> Site:
    return Site(tmp_path, {"QAPI_CACHE_BROKER_URL": valkey_url})


@pytest.fixture(scope="module")
def served(valkey_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subscriber]:
    """One that is running, for tests that only look at its pages; its database is not that of the others."""
    url = f"{valkey_server.removesuffix('/0')}/1"
    site = Site(tmp_path_factory.mktemp("served"), {"QAPI_CACHE_BROKER_URL": url})
    with site.subscriber() as running:
        yield running


@pytest.fixture(scope="module")
def document(served: Subscriber) -> dict[str, Any]:
    answer: dict[str, Any] = requesting.get(f"{served.url}/docs/asyncapi.json").raise_for_status().json()
    return answer


def test_a_handler_that_works_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOINED_FILE", str(tmp_path / "joined"))
    assert deliver(JoinedLog(), EVENT).handled == 1
    assert lines(tmp_path / "joined") == ["alice joined coreos/team-a", "bob joined coreos/team-a"]


def test_works_the_same_in_the_subscriber_process_when_an_installed_package_names_it(
    site: Site, valkey_url: str, tmp_path: Path
) -> None:
    site.install("joined", joined="tests.support.joined_log:JoinedLog")
    publish(valkey_url, EVENT)
    with site.subscriber(JOINED_FILE=str(tmp_path / "joined")):
        until(lambda: len(lines(tmp_path / "joined")) == 2)
    assert lines(tmp_path / "joined") == ["alice joined coreos/team-a", "bob joined coreos/team-a"]


def test_the_audit_log_has_the_whole_event_on_a_line_and_it_is_counted(
    site: Site, valkey_url: str, tmp_path: Path
) -> None:
    with site.subscriber() as one:
        assert requesting.get(f"{one.url}/health/live").status_code == 200
        publish(valkey_url, EVENT)
        until(lambda: len(lines(tmp_path / "audit.jsonl")) == 1)
        until(lambda: one.metrics()["qontract_events_handled_total", "audit-log"] == 1)
    logged = json.loads(lines(tmp_path / "audit.jsonl")[0])
    assert logged == json.loads(to_cloudevent(EVENT, "qontract-api").to_json())
    assert logged["correlationid"] == "r-42"


def test_uvicorn_serves_the_app_and_a_plain_faststream_handler_gets_every_event_live(
    valkey_url: str, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(
        "from qontract.entrypoints.subscriber import app, broker\n"
        "from qontract.adapters.cloudevents import Event\n"
        "@broker.subscriber('main')\n"
        "async def heard(event: Event) -> None:\n"
        f"    open({str(tmp_path / 'heard')!r}, 'a').write(event.type + ' ' + event.data['usergroup'] + '\\n')\n"
    )
    port = str(free_port())
    command = ["-m", "uvicorn", "mine:app", "--port", port]
    ready = f"http://127.0.0.1:{port}/health/ready"
    settings: dict[str, Any] = {
        "QAPI_CACHE_BROKER_URL": valkey_url,
        "QAPI_AUDIT_LOG__FILE": str(tmp_path / "audit.jsonl"),
    }
    with process(*command, ready=ready, PYTHONPATH=str(tmp_path), **settings):
        publish(valkey_url, EVENT)
        until(lambda: lines(tmp_path / "heard") == ["qontract-api.slack-usergroups.update_users team-a"])
        until(lambda: len(lines(tmp_path / "audit.jsonl")) == 1)


def test_the_slack_notifier_posts_each_event_to_the_channel_that_is_configured(
    site: Site, valkey_url: str, slack_sandbox: Sandbox
) -> None:
    slack: dict[str, Any] = {
        "QAPI_SLACK_NOTIFIER__API_URL": slack_sandbox.url,
        "QAPI_SLACK_NOTIFIER__TOKEN": "xoxb-sandbox-coreos",
        "QAPI_SLACK_NOTIFIER__CHANNEL": "general",
    }
    publish(valkey_url, EVENT)
    with site.subscriber(**slack):
        until(lambda: len(slack_sandbox.messages("coreos")) == 1)
    assert "coreos/team-a" in slack_sandbox.messages("coreos")[0]


def test_sigterm_ends_it_cleanly(site: Site) -> None:
    with site.subscriber() as one:
        one.process.send_signal(signal.SIGTERM)
        assert one.process.wait(timeout=15) == 0
        assert "Traceback" not in one.log.read_text()


def test_nothing_can_be_tried_out_from_its_pages(served: Subscriber) -> None:
    for path in ("/docs/asyncapi/try", "/asyncapi/try"):
        assert requesting.post(f"{served.url}{path}", json={"channelName": "main", "message": {}}).status_code == 404
    page = requesting.get(f"{served.url}/docs/asyncapi").raise_for_status().text
    assert all(name in page for name in OURS)
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")


def test_the_asyncapi_document_has_a_message_for_every_event_type_with_a_valid_example(
    document: dict[str, Any],
) -> None:
    assert document["asyncapi"] == "3.0.0"
    messages = document["components"]["messages"]
    assert set(messages) >= OURS
    for name in OURS:
        schema = messages[name]["payload"] | {"components": document["components"]}
        for example in messages[name]["examples"]:
            jsonschema.validate(example["payload"], schema)
            assert example["payload"]["type"] == name
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(messages[name]["examples"][0]["payload"] | {"data": {}}, schema)


def test_neither_the_asyncapi_document_nor_its_page_says_where_redis_is(
    served: Subscriber, document: dict[str, Any], valkey_server: str
) -> None:
    server = document["servers"]["development"]
    assert (server["host"], server["pathname"], server["protocol"]) == ("{host}", "/{database}", "redis")
    assert server["variables"].keys() == {"host", "database"}
    page = requesting.get(f"{served.url}/docs/asyncapi").text
    assert urlsplit(valkey_server).netloc not in json.dumps(document) + page
    assert "127.0.0.1" not in json.dumps(document) + page


def test_every_reference_in_the_asyncapi_document_leads_somewhere(document: dict[str, Any]) -> None:
    found = 0
    for reference in references(document):
        place = document
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]
        found += 1
    assert found > len(OURS) > 0
