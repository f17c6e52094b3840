"""One word for each thing: the glossary, log messages, metrics, names and pages agree."""

import ast
import asyncio
import importlib
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from qontract.application.ports.event_log import Measures
from qontract.domain.job_views import JobCounts
from qontract.entrypoints import metrics
from tests.support.paths import ROOT

SRC = ROOT / "src/qontract"
OPERATIONS = ROOT / "docs/operations.md"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SOURCES = [path for path in sorted(SRC.rglob("*")) if path.suffix in {".py", ".lua"}]

TERMS = """
acknowledge, ack, retry later, reject, backoff, max_backoff, max_attempts, deduplicate, idempotent, heartbeat, claim,
release, dead-letter, dead letter, redrive, in flight, capacity, order key, lane, intent, pending, resolve,
superseded, lock, scope, recovery, publish, spool, republish, action, applied, domain event, CloudEvent, type, source,
subject, channel, stream, subscription, handler, replica, lease, retention, dry run, plan, guard, workspace, usergroup,
organisation, team
"""

NOT_OURS = {
    r"sweep\w*|swept": "recovery",
    r"bury|buried|buries|burying": "dead-letter",
    r"(take|takes|took|taken|taking) over|take_over\w*": "claim",
    r"untold": "not published",
    r"once_for": "dedupe_for",
    r"longest_pause": "max_backoff",
    r"(be|is|are|was|were) done with": "acknowledge",
    r"(give|gives|gave|given|giving) back|give_back": "release, or redrive",
    r"takes_room": "capacity",
    r"exclusive|exclusively": "locks",
    r"not_now|NotNow": "RetryLater",
    r"outbox": "spool, or intent",
}
REASONED = {
    "docs/decisions/0005-intents-and-a-spool.md": {"outbox"},  # what was not taken, by the name that it has elsewhere
    "docs/glossary.md": {"outbox"},
}
"""Where a word that is not ours is said on purpose."""

NAMES_NOT_OURS = re.compile(r"(?<![a-z])(told|untold|tell|tells)(?![a-z])", re.IGNORECASE)

VERBS = """
accepted answer answered applied are begins begun blocked blocks broke cannot cancelled changed cut dead-lettered did
discarded does dropped ended expired fails failed goes had has interrupted is lapsed left listens loaded lost may moved
names narrowed not paused published read rebuilt redriven refused removed renewed republished resolved resumed rewound
stay stored trimmed waits wants works
"""
"""How a log message says what happened: with one of these in its first clause."""

SUBJECTS = """
background cancellation connections end entry file further key maxmemory-policy message module process progress
publishing record request result row sandbox server settings size tracing values
"""
"""What a log message is about, beside what the glossary has."""

PLAIN = """
background build duration errors failures http info lost missing not open redis requests request seconds sent settings
total values
"""
"""Words in the names of metrics, beside what the glossary has."""
_UNITS = {"total", "seconds", "info", "http"}

LOGGING = {"debug", "info", "warning", "error", "exception", "critical"}
PASSED_ON = {"Unreadable", "_ask", "_log", "_log_each"}
"""What is given the message that it logs."""


@cache
def _trees() -> dict[Path, ast.AST]:
    """Return every file of Python, parsed."""
    return {path: ast.parse(path.read_text()) for path in SOURCES if path.suffix == ".py"}


def _rows() -> list[tuple[str, str]]:
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", (ROOT / "docs/glossary.md").read_text(), re.MULTILINE)
    return [(words, meaning) for words, meaning in rows if words != "word"]


def terms() -> list[str]:
    """Return what the glossary explains: the first column, and what is set apart in the second."""
    return [term for words, _ in _rows() for term in words.split(", ")] + [
        term for _, meaning in _rows() for term in re.findall(r"[`*]([\w -]+)[`*]", meaning)
    ]


def same(word: str) -> str:
    """Return what all forms of a word have in common: publish, published, publishing; job, jobs."""
    return word.lower().removesuffix("s")[:4]


@cache
def known() -> set[str]:
    return {same(part) for term in terms() for part in re.findall(r"\w+", term)}


# The glossary


def test_the_glossary_has_every_word_of_the_design() -> None:
    assert {" ".join(term.split()) for term in TERMS.split(",")} - {*terms()} == set()


def test_there_is_one_glossary_and_no_word_stands_there_twice() -> None:
    assert [path.name for path in PAGES if re.search(r"^\| word \|", path.read_text(), re.MULTILINE)] == ["glossary.md"]
    explained = [term for words, _ in _rows() for term in words.split(", ")]
    assert {term for term in explained if explained.count(term) > 1} == set()


# Words that are not ours


def test_a_word_that_is_not_ours_occurs_nowhere() -> None:
    found = {}
    any_of_them = re.compile(rf"\b({'|'.join(NOT_OURS)})\b", re.IGNORECASE)
    for path in [*SOURCES, *PAGES]:
        file, text = str(path.relative_to(ROOT)), " ".join(path.read_text().split())
        for word, ours in NOT_OURS.items() if any_of_them.search(text) else ():
            for match in re.finditer(rf"\b({word})\b", text, re.IGNORECASE):
                if match[0] not in REASONED.get(file, ()):
                    found[file, match[0]] = f"say: {ours}"
    assert found == {}


def test_no_name_is_a_word_that_is_not_ours() -> None:
    found = {path: {*_names(tree)} for path, tree in _trees().items()}
    suspects = {path: names for path, names in found.items() if NAMES_NOT_OURS.search(" ".join(names))}
    assert {path: [name for name in names if NAMES_NOT_OURS.search(name)] for path, names in suspects.items()} == {}


def _names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.arg | ast.keyword) and node.arg:
            yield node.arg
        elif isinstance(node, ast.Attribute):
            yield node.attr


# Log messages


@cache
def messages() -> dict[str, tuple[str, str]]:
    """Return every log message, with its file and its level ("" where it is passed on)."""
    found = {}
    for path, tree in _trees().items():
        for level, message in _messages(tree):
            found[message] = str(path.relative_to(SRC)), level
    return found


def _messages(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        if level := _level(call):
            yield from ((level, text) for text in _texts(call.args[0]))
        elif _name(call.func) in PASSED_ON:
            yield from (("", text) for argument in call.args for text in _texts(argument) if " " in text)


def _level(call: ast.Call) -> str:
    """Return the level that `log.warning(…)` logs with, or "" for a call that does something else."""
    func = call.func
    if isinstance(func, ast.Attribute) and func.attr in LOGGING and _name(func.value) == "log":
        return func.attr
    return ""


def _name(node: ast.expr) -> str:
    """Return the name that stands there, also after `self.`, or "" for anything else."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _texts(node: ast.expr) -> Iterator[str]:
    """Yield what an argument may be: the text that is written there, or both of a choice."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from (*_texts(node.body), *_texts(node.orelse))


def test_every_message_that_is_logged_is_written_where_it_is_logged_or_passed_on() -> None:
    passed_on = {
        f"{path.relative_to(SRC)}: {ast.unparse(call.args[0])}"
        for path, tree in _trees().items()
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and _level(call) and not list(_texts(call.args[0]))
    }
    assert passed_on == {
        "adapters/unreadable_values.py: self._consequence",
        "application/control/subscriptions.py: message",
        "entrypoints/subscriber/stream_maintenance.py: message",
    }
    assert len(messages()) > 90


def test_a_log_message_has_a_subject_and_a_verb_and_is_no_sentence_of_prose() -> None:
    assert {message: wrong for message in messages() if (wrong := _wrong_with(message))} == {}


def _wrong_with(message: str) -> str:
    first, *rest = message.partition(";")[0].replace("%s", "publishing").replace(",", "").split()
    if message[0] != message[0].lower():
        return "a capital at its beginning"
    if message.endswith("."):
        return "a full stop"
    if first in {"a", "an", "the"}:
        return "an article at its beginning"
    verb = next((at for at, word in enumerate(rest) if word in VERBS.split()), None)
    if verb is None:
        return "no verb in its first clause"
    if not any(same(word) in known() or word in SUBJECTS.split() for word in [first, *rest[:verb]]):
        return "its subject is in no list"
    return ""


def test_the_operations_page_says_what_every_warning_and_error_means() -> None:
    [table] = re.findall(r"^## When something is wrong\n\n(.*)", OPERATIONS.read_text(), re.MULTILINE | re.DOTALL)
    passed_on = {"application/control/subscriptions.py"}  # what somebody did, and nothing is wrong
    missing = {
        message
        for message, (file, level) in messages().items()
        if level not in {"debug", "info"} and file not in passed_on
        if f"`{message.replace('%s', 'publishing')}`" not in table
    }
    assert missing == set()


# Metrics


@cache
def helps() -> Mapping[str, str]:
    """Return the help text of every metric."""
    for path in SOURCES:
        if path.suffix == ".py" and "from prometheus_client import" in path.read_text():
            importlib.import_module(
                ".".join(path.relative_to(SRC.parent).with_suffix("").parts).removesuffix(".__init__")
            )
    measures = Measures(lag=0, pending=0, oldest_seconds=0, dead_letters=0, replicas=0)

    async def measure() -> Mapping[str, Measures]:
        return {"audit-log": measures}

    page = asyncio.run(metrics.exposition(measure, JobCounts)).decode()
    return {
        name: text
        for name, text in re.findall(r"^# HELP (qontract_\w+) (.+)$", page, re.MULTILINE)
        if not name.endswith("_created")
    }


def words_of(metric: str) -> set[str]:
    return set(metric.split("_")) - {"qontract"}


def test_the_name_of_a_metric_is_made_of_words_of_the_glossary() -> None:
    assert len(helps()) > 40
    unknown = {name: {word for word in words_of(name) if same(word) not in known()} for name in helps()}
    assert {name: words for name, words in unknown.items() if words - {*PLAIN.split()}} == {}


def test_the_help_text_of_a_metric_says_the_words_of_its_name() -> None:
    said = {name: {same(word) for word in re.findall(r"\w+", text)} for name, text in helps().items()}
    left_out = {name: {word for word in words_of(name) - _UNITS if same(word) not in said[name]} for name in helps()}
    assert {name: words for name, words in left_out.items() if words} == {}


def test_the_operations_page_says_the_words_of_each_metric_in_its_sentences_too() -> None:
    sentences = re.sub(r"`qontract_\w+(\{.*?\})?`", "", OPERATIONS.read_text())
    said = {same(word) for word in re.findall(r"\w+", sentences)}
    words = {word for name in helps() for word in words_of(name) if same(word) in known()}
    assert {word for word in words if same(word) not in said} == set()
