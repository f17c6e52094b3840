"""A desired state that is written in files: one, several, or a directory of them."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from qontract.entrypoints.client.yaml_documents import Document, FileError, read

_SUFFIXES = {".yaml", ".yml", ".json"}
_OF_ALL = {"dry_run", "reason", "accept_plan"}
"""What every integration's request may have."""


@dataclass(frozen=True)
class Desired:
    """The documents, merged into one request: lists of the same name follow each other."""

    value: dict[str, Any]
    documents: Sequence[Document]

    def place(self, pointer: str) -> str | None:
        """Return the file and the line of what a JSON pointer (RFC 6901) names in the request; None for all of it."""
        field, *path = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]] or [""]
        having = [document for document in self.documents if field in document.value]
        if not having:
            return None
        if isinstance(self.value[field], list) and path and path[0].isdecimal():
            number = int(path[0])
            for document in having:
                if number < len(document.value[field]):
                    return document.place([field, str(number), *path[1:]])
                number -= len(document.value[field])
        return having[0].place([field, *path])


def read_desired(paths: Sequence[Path], fields: Collection[str] = ()) -> Desired:
    """Return what the files say together, and those in directories; hidden ones are left out.

    `fields`: what a request may have, if that is known here. Raises FileError: also for a scope (an item with a `name`,
    in a list of the request) that is there twice.
    """
    documents = [document for file in _files(paths) for document in read(file)]
    for document in documents:
        _check(document, fields)
    merged: dict[str, Any] = {}
    first: dict[str, Document] = {}
    for document in documents:
        for field, value in document.value.items():
            before = merged.get(field)
            if field not in merged:
                merged[field], first[field] = value, document
            elif isinstance(before, list) and isinstance(value, list):
                merged[field] = [*before, *value]
            elif before != value:
                raise FileError(_twice(f"`{field}`", first[field].place([field]), document.place([field])))
    _refuse_scopes_given_twice(documents)
    return Desired(merged, documents)


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        found = [file for file in sorted(path.rglob("*")) if file.suffix.lower() in _SUFFIXES and file.is_file()]
        visible = [file for file in found if not any(part[0] == "." for part in file.relative_to(path).parts)]
        if not visible:
            raise FileError(f"{path}: there is no .yaml, .yml or .json file in it")
        yield from visible


def _check(document: Document, fields: Collection[str]) -> None:
    """Raise FileError if the document is no object, or has a field that no request has."""
    own = sorted(set(fields) - _OF_ALL)
    if not isinstance(document.value, dict):
        kind = "a list" if isinstance(document.value, list) else "a single value"
        hint = f": put it under `{own[0]}:`" if isinstance(document.value, list) and len(own) == 1 else ""
        raise FileError(f"{document.place()}: this is {kind}, and no desired state, which is an object{hint}")
    for field in document.value:
        if fields and field not in fields:
            near = get_close_matches(field, fields, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"there is {', '.join(f'`{name}`' for name in own)}"
            raise FileError(f"{document.place([field])}: there is no field {field[:100]!r}; {hint}")


def _refuse_scopes_given_twice(documents: Sequence[Document]) -> None:
    first: dict[tuple[str, str], tuple[Document, list[str]]] = {}
    for document in documents:
        for field, items in document.value.items():
            for number, item in enumerate(items if isinstance(items, list) else ()):
                name = item.get("name") if isinstance(item, dict) else None
                if not isinstance(name, str):
                    continue
                here = document, [field, str(number)]
                there = first.setdefault((field, name), here)
                if there is not here:
                    places = (whose.place(path) for whose, path in (there, here))
                    raise FileError(_twice(f"{name[:100]!r} of `{field}`", *places))


def _twice(what: str, first: str, second: str) -> str:
    return f"{what} is there twice: {first} and {second}"
