"""The examples of the documentation, run."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from qontract.adapters.cloudevents import Event, asyncapi
from qontract.entrypoints.settings import Settings

ROOT = Path(__file__).parents[2]


def examples(document: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / document).read_text(), re.DOTALL)


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_handler_of_the_readme_works_in_the_test_of_the_readme() -> None:
    told = run("\n".join(examples("README.md", "python")))
    assert told == "qontract-api.slack-usergroups.test acme/team-a: {'any': 'thing'}\n"


def test_the_handler_of_the_subscriptions_page_can_be_made() -> None:
    [code] = examples("docs/subscriptions.md", "python")
    assert run(f"{code}\nprint(Invite().policy.attempts)") == "5\n"


def test_what_one_example_of_the_events_page_publishes_another_one_reads(valkey_url: str) -> None:
    live, reader, publisher = examples("docs/events.md", "python")
    compile(live, "docs/events.md", "exec")  # the subscriber's tests run the same
    host, port = re.fullmatch(r"redis://(.+):(\d+)/0", valkey_url).groups()  # type: ignore[union-attr]
    run(publisher.replace("redis://localhost:6379/0", valkey_url))
    told = run(reader.replace("redis.Redis()", f"redis.Redis(host={host!r}, port={port})"))
    assert told == "com.example.backup.done db-1\n"


def test_the_event_on_the_events_page_is_the_one_in_the_asyncapi_document() -> None:
    [shown] = examples("docs/events.md", "json")
    messages = asyncapi(channel="main", stream="s", source="qontract-api")["components"]["messages"]
    [example] = messages["qontract-api.slack-usergroups.update_users"]["examples"]
    assert json.loads(shown) == example["payload"]
    assert Event.from_json(shown)


def test_the_operations_page_names_every_setting() -> None:
    page = (ROOT / "docs/operations.md").read_text()
    names = []
    for name, field in Settings.model_fields.items():
        inner = getattr(field.annotation, "model_fields", None)
        names += [f"QAPI_{name}__{key}".upper() for key in inner] if inner else [f"QAPI_{name}".upper()]
    assert [name for name in names if f"`{name}`" not in page] == []


@pytest.mark.parametrize("document", sorted((ROOT / "docs/decisions").glob("*.md")), ids=lambda path: path.name)
def test_a_decision_fits_into_25_lines(document: Path) -> None:
    assert len(document.read_text().splitlines()) <= 25
