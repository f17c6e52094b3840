"""Event types of installed packages, in the processes that tell of them."""

from pathlib import Path
from typing import Any

import pytest

from qontract.entrypoints.plugins import EVENTS
from tests.support import requesting
from tests.support.paths import ROOT
from tests.support.processes import free_port, process
from tests.support.subscriber_process import Site

TYPES = """
from qontract.domain.events import DomainEvent, EventData

class Failure(EventData):
    what: str

class Opened(DomainEvent):
    type: str = "com.acme.opened"
    data: Failure
"""
COUNTED = f'qontract_packages_refused{{group="{EVENTS}"}} 1.0'


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """A directory with two packages of event types; one of them cannot be imported."""
    directory = tmp_path / "site"
    directory.mkdir()
    for name, code in (("acme_types", TYPES), ("broken_types", "import no_such_module")):
        (directory / f"{name}.py").write_text(code)
        info = directory / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{EVENTS}]\n{name} = {name}\n")
    return directory


def test_the_subscriber_tells_of_types_that_nothing_else_imports_and_of_those_that_cannot_be_loaded(
    packages: Path, valkey_url: str
) -> None:
    site = Site(packages.parent, {"QAPI_CACHE_BROKER_URL": valkey_url})
    with site.subscriber() as subscriber:
        document = requesting.get(f"{subscriber.url}/docs/asyncapi.json").raise_for_status().json()
        page = requesting.get(f"{subscriber.url}/docs/asyncapi").raise_for_status().text
        status, body = subscriber.ready()
        metrics = requesting.get(f"{subscriber.url}/metrics").text
    message = document["components"]["messages"]["com.acme.opened"]
    assert message["payload"]["properties"]["data"] == {"$ref": "#/components/schemas/ComAcmeOpenedFailure"}
    assert message["examples"][0]["payload"]["data"] == {"what": "what"}
    assert "com.acme.opened" in page
    assert (status, body["refused"]) == (200, ["broken_types"])
    assert COUNTED in metrics
    [line] = subscriber.lines("package refused")
    assert (line["package"], line["group"]) == ("broken_types 1.0", EVENTS)


def test_the_api_names_what_cannot_be_loaded_and_is_ready(packages: Path, valkey_url: str, tmp_path: Path) -> None:
    port = str(free_port())
    settings: dict[str, Any] = {
        "PYTHONPATH": f"{packages}:{ROOT}",
        "QAPI_CACHE_BROKER_URL": valkey_url,
        "QAPI_AUTH__SECRET": "s" * 32,
        "QAPI_API__HOST": "127.0.0.1",
        "QAPI_API__PORT": port,
    }
    url = f"http://127.0.0.1:{port}"
    with process("-m", "qontract.entrypoints.api", ready=f"{url}/health/ready", log=tmp_path / "log", **settings):
        assert requesting.get(f"{url}/health/ready").json() == {"status": "ok", "refused": ["broken_types"]}
        assert COUNTED in requesting.get(f"{url}/metrics").text
        paths = requesting.get(f"{url}/openapi.json").json()["paths"]
        assert "/api/v1/integrations/slack-usergroups/reconcile" in paths
