"""What is imported, and what is not: each time by a Python that has imported nothing yet."""

import json
import subprocess
import sys
from typing import Any

import pytest

import qontract
from qontract import testing
from tests.support.commands import environment


def run(code: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=50, check=False, **options)


@pytest.mark.parametrize("module", ["qontract", "qontract.testing"])
def test_importing_the_package_imports_neither_pydantic_nor_pytest_nor_any_other_module_of_it(module: str) -> None:
    code = f"import {module}, sys; print([m for m in sys.modules if m.startswith(('pydantic', 'pytest', 'qontract.'))])"
    done = run(code)
    assert (done.stdout, done.stderr) == (f"{[module] if '.' in module else []}\n", "")


def test_only_the_contracts_and_the_plugin_need_pytest() -> None:
    names = [name for name in testing.__all__ if not name.endswith("Contract")]
    code = f"import sys; sys.modules['pytest'] = None; from qontract.testing import {', '.join(names)}"
    done = run(code)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_star_import_gives_every_public_name() -> None:
    done = run("from qontract import *; print(sorted(name for name in dir() if name[0] != '_'))")
    assert done.stdout == f"{sorted(qontract.__all__)}\n"


@pytest.mark.parametrize(
    "module", ["api", "worker", "subscriber", "slack_sandbox", "cli", "container", "settings", "subscriptions"]
)
def test_importing_an_entrypoint_builds_nothing_and_needs_no_setting(module: str) -> None:
    code = f"import qontract.entrypoints.{module} as m, sys; assert 'app' not in vars(m) or m.__name__.endswith('cli')"
    broken = {"QAPI_EVENTS__CHANNEL": "not a channel", "PATH": ""}
    done = run(code, env=broken)
    assert done.returncode == 0, done.stderr


def test_loading_the_plugin_of_pytest_imports_nothing_else_of_qontract() -> None:
    code = (
        "import pytest, sys; before = set(sys.modules); import qontract.testing.plugin;"
        "print(sorted(set(sys.modules) - before))"
    )
    done = run(code)
    assert (done.stdout, done.stderr) == ("['qontract', 'qontract.testing', 'qontract.testing.plugin']\n", "")


def test_no_process_imports_what_is_for_tests() -> None:
    entrypoints = "api.asgi", "worker", "subscriber.asgi", "subscriber.deliveries", "cli", "container"
    imports = ", ".join(f"qontract.entrypoints.{module}" for module in entrypoints)
    code = f"import sys, {imports}; print([name for name in sys.modules if 'pytest' in name or '.testing' in name])"
    done = run(code)
    assert done.returncode == 0, done.stderr
    assert [name for name in ("pytest", "qontract.testing") if f"'{name}" in done.stdout] == []


OFF = """
import json, sys
from qontract.entrypoints import api, subscriber, worker
worker.create_app()
subscriber.create_app()
api.create_app()
print(json.dumps(sorted(sys.modules)))
"""


def test_off_we_import_nothing_of_the_extra() -> None:
    done = run(OFF, env=environment(QAPI_AUTH__SECRET="s" * 32))
    assert done.returncode == 0, done.stderr
    modules = json.loads(done.stdout.splitlines()[-1])
    theirs = ("opentelemetry.sdk.trace", "opentelemetry.exporter", "google.protobuf", "qontract.adapters.opentelemetry")
    assert "qontract.application.tracing" in modules
    assert [name for name in modules if name.startswith(theirs)] == []


def test_the_catalogue_finds_the_types_by_itself() -> None:
    program = "from qontract.domain.events import catalogue; print(*sorted(catalogue()))"
    output = run(program).stdout
    actions = ("create", "error", "update_metadata", "update_users")
    assert set(output.split()) >= {f"qontract-api.slack-usergroups.{action}" for action in actions}
