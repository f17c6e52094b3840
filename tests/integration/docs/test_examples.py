"""The package of examples/acme, installed as by its users: its tests, its types, and what the processes make of it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from qontract import testing
from tests.support.paths import ROOT

ACME = ROOT / "examples" / "acme"
SETTINGS = {
    "QAPI_MAILING_LISTS__URL": "https://post.acme.example",
    "QAPI_MAILING_LISTS__TOKEN": "token-of-acme",
    "QAPI_WELCOME__URL": "https://mail.acme.example",
    "QAPI_WELCOME__TOKEN": "token-of-acme",
    "QAPI_AUTH__SECRET": "x" * 32,
    "QAPI_CACHE_BROKER_URL": "redis://127.0.0.1:1/0",
    "QAPI_SUBSCRIBER__MODULES": '["acme.live"]',
}
PROBE = """
import asyncio, json
from datetime import timedelta
import httpx
from dependency_injector import providers
from qontract.adapters.memory import InMemoryJobQueue
from qontract.entrypoints.api import create_app
from qontract.entrypoints.container import get_container
from qontract.entrypoints.subscriptions import load_subscriptions
from qontract.entrypoints.tokens import issue_token

container = get_container()
settings = container.settings()
container.job_queue.override(providers.Object(InMemoryJobQueue({}, hold=True)))
auth = settings.auth
secret = auth.secret.get_secret_value()
token = issue_token(
    secret, "ci", ["mailing-lists:apply"], timedelta(minutes=1), audience=auth.audience, issuer=auth.issuer
)

async def ask():
    transport = httpx.ASGITransport(create_app(container))
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
        path = "/api/v1/integrations/{}/reconcile"
        desired = {"domains": {"acme.example": {"news": ["alice@acme.example"]}}, "dry_run": False}
        return {
            "accepted": (await client.post(path.format("mailing-lists"), json=desired)).json(),
            "malformed": (await client.post(path.format("mailing-lists"), json={"lists": []})).status_code,
            "not_allowed": (await client.post(path.format("slack-usergroups"), json=desired)).status_code,
            "openapi": (await client.get("/openapi.json")).json(),
        }

seen = asyncio.run(ask())
loaded = load_subscriptions(settings.subscriber)
seen["integrations"] = sorted(container.integrations().integrations)
seen["refused"] = {**container.integrations().refused, **loaded.refused}
seen["subscriptions"] = [subscription.name for subscription in loaded.subscriptions]
seen["asyncapi"] = container.asyncapi()
print(json.dumps(seen))
"""


DOCUMENTS = sorted((ROOT / "docs" / "extend").glob("*.md"))


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the package, and its entry points, installed beside qontract."""
    target = tmp_path_factory.mktemp("installed")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(target), str(ACME)]
    subprocess.run(command, check=True, timeout=50)
    return target


@pytest.fixture(scope="module")
def seen(installed: Path) -> dict[str, Any]:
    """What an API and a subscriber with that package say, each thing by its name."""
    environment = os.environ | SETTINGS | {"PYTHONPATH": str(installed)}
    done = run("-c", PROBE, environment=environment)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def run(*command: str, environment: dict[str, str], cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-W", "error", *command]
    return subprocess.run(line, capture_output=True, text=True, timeout=55, check=False, cwd=cwd, env=environment)


def test_its_tests_pass_those_that_it_inherits_too(installed: Path) -> None:
    alone = {"PYTHONPATH": str(installed), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = run("-m", "pytest", "-q", "-p", "qontract.testing.plugin", environment=os.environ | alone, cwd=ACME)
    assert done.returncode == 0, done.stdout
    passed = int(done.stdout.splitlines()[-1].split()[0])
    assert passed > 40


def test_nothing_of_it_is_refused(seen: dict[str, Any]) -> None:
    assert seen["refused"] == {}
    assert {"mailing-lists", "slack-usergroups"} <= set(seen["integrations"])
    assert "welcome" in seen["subscriptions"]


def test_the_api_has_its_route_and_its_scope(seen: dict[str, Any]) -> None:
    assert seen["accepted"]["status"] == "pending"
    assert seen["accepted"]["status_url"].startswith("/api/v1/integrations/mailing-lists/reconcile/")
    assert (seen["malformed"], seen["not_allowed"]) == (422, 403)


def test_openapi_has_its_desired_state_and_that_of_slack_as_before(seen: dict[str, Any]) -> None:
    body = seen["openapi"]["paths"]["/api/v1/integrations/mailing-lists/reconcile"]["post"]["requestBody"]
    name = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    schemas = seen["openapi"]["components"]["schemas"]
    assert {"domains", "dry_run", "reason", "accept_plan"} <= schemas[name]["properties"].keys()
    assert "workspaces" in schemas["DesiredUsergroups"]["properties"]


def test_asyncapi_has_its_events_with_schemas_and_examples(seen: dict[str, Any]) -> None:
    messages = seen["asyncapi"]["components"]["messages"]
    actions = ("create", "update_members", "error", "blocked")
    for name in (*(f"qontract-api.mailing-lists.{action}" for action in actions), "com.acme.welcome.sent"):
        [example] = messages[name]["examples"]
        assert example["payload"]["type"] == name
    assert messages["qontract-api.mailing-lists.create"]["examples"][0]["payload"]["subject"] == "acme.example/news"


def test_a_plain_faststream_function_is_loaded_by_the_name_of_its_module(installed: Path) -> None:
    code = "import acme.live; from qontract.entrypoints.subscriber import broker; print(len(broker.subscribers))"
    done = run("-c", code, environment=os.environ | SETTINGS | {"PYTHONPATH": str(installed)})
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_what_a_page_shows_is_in_a_file_of_the_package(document: Path) -> None:
    files = [file.read_text() for file in ACME.rglob("*") if file.suffix in {".py", ".toml"}]
    shown = re.findall(r"```(?:python|toml)\n(.*?)```", document.read_text(), re.DOTALL)
    assert shown
    assert [block for block in shown if not any(f"\n{block}" in file for file in files)] == []


def test_the_index_names_every_page() -> None:
    index = (ROOT / "docs" / "extend" / "index.md").read_text()
    assert [page.name for page in DOCUMENTS if f"({page.name})" not in index] == ["index.md"]


def test_the_testing_page_names_every_fixture_of_the_plugin() -> None:
    page = (ROOT / "docs" / "extend" / "testing.md").read_text()
    plugin = (ROOT / "src" / "qontract" / "testing" / "plugin.py").read_text()
    fixtures = re.findall(r"^@pytest\.fixture\ndef (\w+)", plugin, re.MULTILINE)
    assert len(fixtures) == 3
    assert [name for name in fixtures if f"| `{name}` |" not in page] == []


def test_the_adapter_page_names_every_contract() -> None:
    page = (ROOT / "docs" / "extend" / "adapter.md").read_text()
    assert [name for name in testing.__all__ if name.endswith("Contract") and f"`{name}`" not in page] == []


def test_an_integration_takes_250_lines_at_most() -> None:
    files = [ACME / "src" / "acme" / name for name in ("mailing_lists.py", "post_office.py")]
    assert sum(len(file.read_text().splitlines()) for file in files) <= 250
