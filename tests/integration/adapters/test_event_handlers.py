"""The audit log."""

import json
from multiprocessing import get_context
from pathlib import Path

import anyio
import pytest

from qontract.adapters.cloudevents import Event, from_cloudevent
from qontract.adapters.jsonlines import JsonLinesEventHandler
from qontract.domain.slack_usergroups import UsergroupFailure
from qontract.testing import EventHandlerContract
from tests.contracts.slack_usergroups import update_users
from tests.support.handling import event, handle
from tests.support.slack_events import applied, failed

pytestmark = pytest.mark.anyio


def audit_log(file: Path | str) -> JsonLinesEventHandler:
    return JsonLinesEventHandler(JsonLinesEventHandler.Settings(file=str(file)))


class TestJsonLinesEventHandler(EventHandlerContract):
    @pytest.fixture
    def handler(self, tmp_path: Path) -> JsonLinesEventHandler:
        return audit_log(tmp_path / "audit.jsonl")


async def test_a_line_is_the_complete_cloudevent(tmp_path: Path) -> None:
    audit = tmp_path / "audit.jsonl"
    happened = applied(update_users(), "request-1").model_copy(update={"source": "/here"})
    await handle(audit_log(audit), happened)
    assert from_cloudevent(Event.from_json(audit.read_bytes())) == happened


async def test_lines_are_added_to_what_is_there(tmp_path: Path) -> None:
    audit = tmp_path / "audit.jsonl"
    audit.write_text("before\n")
    await handle(audit_log(audit), event("the/subject"))
    before, line = audit.read_text().splitlines()
    assert (before, json.loads(line)["subject"]) == ("before", "the/subject")


async def test_an_event_of_any_data_is_a_line(tmp_path: Path) -> None:
    audit = tmp_path / "audit.jsonl"
    await handle(audit_log(audit), event("any/thing", text='<!channel> & "quotes"\nnew line é 🎉'))
    await handle(
        audit_log(audit), failed(UsergroupFailure(workspace="coreos", usergroup="team-b", error="no <reason>"))
    )
    first, second = map(json.loads, audit.read_text().splitlines())
    assert first["data"]["text"] == '<!channel> & "quotes"\nnew line é 🎉'
    assert (second["subject"], second["data"]["error"]) == ("coreos/team-b", "no <reason>")


async def test_a_dash_is_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    await handle(audit_log("-"), event("the/subject"))
    assert json.loads(capsys.readouterr().out)["subject"] == "the/subject"


def _append_many(audit: str) -> None:
    async def append() -> None:
        handler = audit_log(audit)
        for _ in range(200):
            await handle(handler, event(text="x" * 10_000))

    anyio.run(append)


@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")  # Python 3.12: the child needs no thread
def test_several_processes_append_whole_lines(tmp_path: Path) -> None:
    audit = tmp_path / "audit.jsonl"
    processes = [get_context("fork").Process(target=_append_many, args=(str(audit),)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    lines = audit.read_text().splitlines()
    assert len({json.loads(line)["id"] for line in lines}) == len(lines) == 600


async def test_a_line_that_cannot_be_written_is_not_handled(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        await handle(audit_log(tmp_path / "nowhere" / "audit.jsonl"), event())
