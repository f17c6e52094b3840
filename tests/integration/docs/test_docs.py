"""The examples of the documentation, run."""

import ast
import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from qontract import Policy
from qontract.adapters.cloudevents import Event, asyncapi
from qontract.adapters.redis.keys import keys_of
from qontract.application.ports.event_log import Measures
from qontract.domain.job_views import JobCounts
from qontract.entrypoints import metrics
from qontract.entrypoints.settings import Settings
from tests.support.paths import ROOT

DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def page(document: str) -> str:
    return (ROOT / document).read_text()


def examples(document: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page(document), re.DOTALL)


def run(code: str) -> str:
    with TemporaryDirectory() as directory:
        program = Path(directory) / "example.py"  # FastStream's test broker looks into the file
        program.write_text(code)
        command = [sys.executable, "-W", "error", str(program)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_handler_of_the_readme_works_in_the_test_of_the_readme() -> None:
    printed = run("\n".join(examples("README.md", "python")))
    assert printed == "qontract-api.slack-usergroups.test acme/team-a: {'any': 'thing'}\n"


def test_the_handler_of_the_readme_has_ten_lines_at_most() -> None:
    handler = examples("README.md", "python")[0]
    assert len([line for line in handler.splitlines() if line]) <= 10


def test_the_handler_of_the_subscriptions_page_works_in_the_test_beside_it() -> None:
    run("\n".join(examples("docs/subscriptions.md", "python")))


def test_the_functions_of_the_events_page_are_called_in_the_test_beside_them() -> None:
    live, test, *_ = examples("docs/events.md", "python")
    assert run(f"{live}\n{test}") == "com.example.backup.done db-1\n"


def test_what_one_example_of_the_events_page_publishes_another_one_reads(valkey_url: str) -> None:
    *_, reader, publisher = examples("docs/events.md", "python")
    host, port = re.fullmatch(r"redis://(.+):(\d+)/0", valkey_url).groups()  # type: ignore[union-attr]
    run(publisher.replace("redis://localhost:6379/0", valkey_url))
    printed = run(reader.replace("redis.Redis()", f"redis.Redis(host={host!r}, port={port})"))
    assert printed == "com.example.backup.done db-1\n"


def test_the_event_on_the_events_page_is_the_one_in_the_asyncapi_document() -> None:
    [shown] = examples("docs/events.md", "json")
    messages = asyncapi(channel="main", stream="s", source="qontract-api")["components"]["messages"]
    [example] = messages["qontract-api.slack-usergroups.update_users"]["examples"]
    assert json.loads(shown) == example["payload"]
    assert Event.from_json(shown)


def test_the_operations_page_names_every_setting() -> None:
    names = []
    for name, field in Settings.model_fields.items():
        inner = getattr(field.annotation, "model_fields", None)
        names += [f"QAPI_{name}__{key}".upper() for key in inner] if inner else [f"QAPI_{name}".upper()]
    assert [name for name in names if f"`{name}`" not in page("docs/operations.md")] == []


def test_the_subscriptions_page_has_every_part_of_a_policy_with_its_default() -> None:
    rows = re.findall(r"^\| (`[a-z_`, ]+) \| ([^|]+) \|", page("docs/subscriptions.md"), re.MULTILINE)
    shown = {
        name.strip("`"): ast.literal_eval(default.strip("`"))
        for names, defaults in rows
        for name, default in zip(names.split(", "), defaults.split(", "), strict=True)
    }
    assert shown == {field.name: field.default for field in fields(Policy)}


def test_the_operations_page_names_every_metric() -> None:
    measures = Measures(lag=0, pending=0, oldest_seconds=0, dead_letters=0, replicas=0)

    async def measure() -> Mapping[str, Measures]:
        return {"audit-log": measures}

    exposed = asyncio.run(metrics.exposition(measure, JobCounts)).decode()
    names = re.findall(r"^# HELP (qontract_\w+)", exposed, re.MULTILINE)
    assert len(names) > 20
    assert [
        name for name in names if not name.endswith("_created") and f"`{name}`" not in page("docs/operations.md")
    ] == []


def test_the_operations_page_names_every_key() -> None:
    keys = keys_of("main")
    names = [value for name, value in vars(keys).items() if name not in {"prefix", "stream"}]
    names += [getattr(keys, name)("*") for name in ("redriven", "lease", "records")]
    names += [keys.handled("*", "")[:-1], keys.published("*")[:-1]]
    missing = [name for name in names if f"`…:{name.removeprefix(keys.prefix)}`" not in page("docs/operations.md")]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", document.read_text()):
        linked = (document.parent / target) if target else document
        assert linked.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.+)$", linked.read_text(), re.MULTILINE)
            assert anchor in [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles]


@pytest.mark.parametrize("document", sorted((ROOT / "docs/decisions").glob("*.md")), ids=lambda path: path.name)
def test_a_decision_fits_into_25_lines(document: Path) -> None:
    assert len(document.read_text().splitlines()) <= 25
