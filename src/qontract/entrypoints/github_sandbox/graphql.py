"""As much of GraphQL as a sandbox needs: one query with variables, arguments, aliases and `@include`.

An object is a mapping: of a name to a value, or to a function of the field's arguments. A field that an object has not
is an error, as are a page without `first` or `last`, and a query that could ask for too many nodes.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_TOKEN = re.compile(r'#[^\n]*|[\s,]+|(?P<token>\.\.\.|[{}():!@$=\[\]]|"[^"\\]*"|-?\d+|\w+)')
_MAX_PAGE_SIZE = 100
_MAX_NODES = 500_000

Object = Mapping[str, Any]


class QueryError(Exception):
    """The query is wrong, or asks for what is not there; `kind` is GitHub's word for that."""

    def __init__(self, message: str, kind: str | None = None) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class _Field:
    key: str
    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    inside: Sequence["_Field"] = ()


def execute(query: str, variables: Mapping[str, Any], root: Object) -> dict[str, Any]:
    """Return the data that the query asks for. Raises QueryError."""
    tokens = [found["token"] for found in _TOKEN.finditer(query) if found["token"]]
    if "".join(_TOKEN.sub("", query).split()):
        raise QueryError("Parse error: unexpected character")
    try:
        fields = _Parser(tokens, variables).query()
    except (IndexError, KeyError, ValueError) as error:
        raise QueryError(f"Parse error: {error!r}") from None
    if sum(_nodes(fields, 1)) > _MAX_NODES:
        raise QueryError(f"By the time this query traverses all of it, it is above {_MAX_NODES} nodes")
    return _selected(fields, root)


class _Parser:
    def __init__(self, tokens: list[str], variables: Mapping[str, Any]) -> None:
        self._tokens = tokens
        self._variables = dict(variables)
        self._at = 0

    def query(self) -> list[_Field]:
        self._take("query")
        self._next()
        if self._peek() == "(":
            self._declarations()
        fields = self._fields()
        if self._at != len(self._tokens):
            raise ValueError(f"unexpected {self._peek()!r}")
        return fields

    def _declarations(self) -> None:
        """Read `($name: Type!)`; a variable that is needed has to be given."""
        self._take("(")
        declared = set()
        while self._peek() != ")":
            self._take("$")
            name = self._next()
            declared.add(name)
            self._take(":")
            self._next()
            if self._peek() == "!":
                self._next()
                if self._variables.get(name) is None:
                    raise QueryError(f"Variable ${name} of a type that is not null was given nothing")
        self._take(")")
        self._variables = {name: self._variables.get(name) for name in declared}

    def _fields(self) -> list[_Field]:
        self._take("{")
        fields = []
        while self._peek() != "}":
            key = name = self._next()
            if self._peek() == ":":
                self._next()
                name = self._next()
            arguments = self._arguments() if self._peek() == "(" else {}
            included = True
            if self._peek() == "@":
                self._next()
                self._take("include")
                included = bool(self._arguments()["if"])
            inside = self._fields() if self._peek() == "{" else []
            if included:
                fields.append(_Field(key, name, arguments, inside))
        self._take("}")
        return fields

    def _arguments(self) -> dict[str, Any]:
        self._take("(")
        arguments = {}
        while self._peek() != ")":
            name = self._next()
            self._take(":")
            arguments[name] = self._value()
        self._take(")")
        return arguments

    def _value(self) -> Any:
        text = self._next()
        if text == "$":
            return self._variables[self._next()]
        if text.lstrip("-").isdecimal():
            return int(text)
        return {"true": True, "false": False, "null": None}.get(text, text.strip('"'))

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, expected: str) -> None:
        token = self._next()
        if token != expected:
            raise ValueError(f"expected {expected!r}, found {token!r}")


def _nodes(fields: Sequence[_Field], times: int) -> Iterator[int]:
    """Give how many nodes each page in the query could have in all."""
    for each in fields:
        size = each.arguments.get("first") or each.arguments.get("last")
        if size:
            yield times * size
        yield from _nodes(each.inside, times * (size or 1))


def _selected(fields: Sequence[_Field], found: Object) -> dict[str, Any]:
    selected = {}
    for each in fields:
        if each.name not in found:
            raise QueryError(f"Field '{each.name}' doesn't exist here")
        value = found[each.name]
        if callable(value):
            value = value(**each.arguments)
        elif each.arguments:
            raise QueryError(f"Field '{each.name}' doesn't accept arguments")
        selected[each.key] = _complete(each, value)
    return selected


def _complete(each: _Field, value: Any) -> Any:
    if isinstance(value, list):
        return [_complete(each, item) for item in value]
    if isinstance(value, Mapping):
        if not each.inside:
            raise QueryError(f"Field '{each.name}' must have selections")
        return _selected(each.inside, value)
    if each.inside and value is not None:
        raise QueryError(f"Field '{each.name}' has no fields")
    return value


def connection(name: str, edges: Callable[..., Sequence[Object]]) -> Callable[..., Object]:
    """Return the function of a paged field. `edges` gets the arguments that are not about pages."""

    def page(
        *,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
        **arguments: Any,
    ) -> Object:
        size = first or last
        if size is None or (first and last):
            raise QueryError(f"You must provide a `first` or `last` value to properly paginate the `{name}` connection")
        if not 0 < size <= _MAX_PAGE_SIZE:
            raise QueryError(f"Requesting {size} records on the `{name}` connection exceeds the limit of 100 records")
        try:
            found = edges(**arguments)
        except TypeError:
            raise QueryError(f"Field '{name}' doesn't accept these arguments") from None
        try:
            start = int(after) + 1 if after else 0
            end = int(before) if before else len(found)
        except ValueError:
            raise QueryError("does not appear to be a valid cursor") from None
        end = min(end, start + size) if first else end
        start = max(start, end - size)
        return {
            "edges": list(found[start:end]),
            "nodes": [edge["node"] for edge in found[start:end]],
            "totalCount": len(found),
            "pageInfo": {
                "hasNextPage": end < len(found),
                "hasPreviousPage": start > 0,
                "startCursor": str(start),
                "endCursor": str(end - 1),
            },
        }

    return page
