"""The documents of a YAML or JSON file, and the lines on which parts of them are written.

YAML is read as its version 1.2 says (core schema): `no` and `on` are names and no booleans, and a date is text.
"""

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_MAX_VALUES = 5_000_000
"""A few aliases of aliases stand for more than any memory holds."""
_DEEPEST = 100
"""A parser in C does not come back from some thousands."""
_HALF_CHARACTER = re.compile(r"\\u[dD][0-9a-fA-F]{3}")
"""JSON writes some characters as two halves; YAML has none of them."""
_PREFIX = "tag:yaml.org,2002:"
_MERGE = f"{_PREFIX}merge"
_CORE_SCHEMA = (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?(0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*)([eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+", "-+.0123456789"),
    ("merge", r"<<", "<"),
)


class FileError(Exception):
    """A file cannot be read, or says nothing that can be sent; the message names it, and the line if there is one."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - as its parent declares it


for _tag, _pattern, _first in _CORE_SCHEMA:
    _Loader.add_implicit_resolver(_PREFIX + _tag, re.compile(rf"(?:{_pattern})\Z"), list(_first))


@dataclass(frozen=True)
class Document:
    """One document of a file."""

    file: Path
    number: int
    text: str
    value: Any

    def place(self, path: Sequence[str] = ()) -> str:
        """Return the file and the line of what is there, or of the nearest thing around it that is: `a.yaml:7`."""
        try:
            text = _HALF_CHARACTER.sub(r"\\ufffd", self.text)
            node = list(yaml.compose_all(text, Loader=_Loader))[self.number]
        except (yaml.YAMLError, IndexError, RecursionError):
            return str(self.file)
        line = node.start_mark.line
        for part in path:
            inside = _inside(node, part)
            if inside is None:
                break
            line, node = inside
        return f"{self.file}:{line + 1}"


def read(file: Path) -> list[Document]:
    """Return the documents of the file that are not empty. Raises FileError."""
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not in UTF-8"
        raise FileError(f"{file}: cannot be read: {reason}") from None
    as_json = file.suffix.lower() == ".json"
    text = text.replace("\t", " ") if as_json else text  # YAML takes no tabs; a text in JSON has none
    try:
        values = _json(text) if as_json else list(_yaml(text))
        documents = [Document(file, number, text, value) for number, value in enumerate(values) if value is not None]
        for document in documents:
            _count(document.value, {}, set())
    except RecursionError:
        raise FileError(f"{file}: it is nested too deeply") from None
    except yaml.YAMLError as error:
        raise FileError(_yaml_error_text(file, error)) from None
    except json.JSONDecodeError as error:
        raise FileError(f"{file}:{error.lineno}: not JSON: {error.msg}: column {error.colno}") from None
    except ValueError as error:
        raise FileError(f"{file}: {error}") from None
    if not documents:
        raise FileError(f"{file}: it is empty")
    return documents


def _json(text: str) -> list[Any]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            list(_yaml(_HALF_CHARACTER.sub(r"\\ufffd", text)))  # it says on which line
            raise ValueError("a key is there twice")
        return found

    return [json.loads(text, object_pairs_hook=unique)] if text.strip() else []


def _yaml(text: str) -> Iterator[Any]:
    _refuse_deep(text)
    loader = _Loader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            _prepare(node, set())
            yield loader.construct_document(node)
    finally:
        loader.dispose()


def _refuse_deep(text: str) -> None:
    """Raise RecursionError if the text is nested deeper than anything that people write."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _DEEPEST:
            raise RecursionError


def _prepare(node: yaml.Node, seen: set[int]) -> None:
    """Make every key a text. Raises YAMLError if one is there twice."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _prepare(item, seen)
    elif isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a key is no text", problem_mark=key.start_mark)
            if key.tag == _MERGE:
                _prepare(value, seen)
                continue
            key.tag = f"{_PREFIX}str"
            if key.value in lines:
                problem = f"{key.value[:100]!r} is there twice: first on line {lines[key.value]}"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            lines[key.value] = key.start_mark.line + 1
            _prepare(value, seen)


def _count(value: object, counted: dict[int, int], around: set[int]) -> int:
    """Return how many values there are in this one. Raises ValueError if JSON cannot have it."""
    if isinstance(value, str):
        if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
            raise ValueError("a text has half a character (a lone surrogate)")
        return 1
    if value is None or isinstance(value, (bool, int)):
        return 1
    if isinstance(value, float) and math.isfinite(value):
        return 1
    if not isinstance(value, (dict, list)):
        raise ValueError(f"it has what JSON has not: {type(value).__name__} {str(value)[:50]}")  # noqa: TRY004
    if id(value) in around:
        raise ValueError("a part of it contains itself")
    if id(value) not in counted:
        around.add(id(value))
        parts = [*value, *value.values()] if isinstance(value, dict) else value
        counted[id(value)] = 1 + sum(_count(part, counted, around) for part in parts)
        around.discard(id(value))
        if counted[id(value)] > _MAX_VALUES:
            raise ValueError(f"it has more than {_MAX_VALUES:,} values, aliases counted for what they stand for")
    return counted[id(value)]


def _inside(node: yaml.Node, part: str) -> tuple[int, yaml.Node] | None:
    """Return the part of a node, and the line that it begins on."""
    if isinstance(node, yaml.SequenceNode) and part.isdecimal() and int(part) < len(node.value):
        item: yaml.Node = node.value[int(part)]
        return item.start_mark.line, item
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == part:
                return key.start_mark.line, value
    return None


def _yaml_error_text(file: Path, error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    where = f"{file}:{mark.line + 1}" if mark else str(file)
    problem = getattr(error, "problem", None) or str(error)
    return f"{where}: " + " ".join(str(problem).split())[:300]
