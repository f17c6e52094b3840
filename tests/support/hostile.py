"""Hostile values: what somebody with write access to Redis, or a bug, may put where qontract expects its own.

Each comes with a name that says what is odd about it. Types times shapes: a key of another type (`other_types`), bytes
that are not what is expected (`ODD_BYTES`), and an object of ours with one thing odd in it (`odd_objects`).
"""

import json
import random
from collections.abc import Iterator, Mapping
from typing import Any

Named = tuple[str, bytes]
Command = tuple[Any, ...]

DEPTH = 100_000
TERMINAL = "\x1b]0;pwned\x07\x1b[2J\x9b\n\u202eFAKE LINE"
"""Text that a terminal would obey."""

ODD_BYTES: dict[str, bytes] = {
    "empty": b"",
    "no JSON": b"garbage",
    "cut JSON": b'{"failures": [',
    "no UTF-8": b"\xff\xfe\x00",
    "a deep list": b"[" * DEPTH,
    "a deep list that ends": b"[" * DEPTH + b"]" * DEPTH,
    "a deep object": b'{"a":' * DEPTH,
    "null": b"null",
    "a number": b"5",
    "a number of many digits": b"9" * 10_000,
    "not a number": b"NaN",
    "a text": b'"text"',
    "an empty list": b"[]",
    "an empty object": b"{}",
    "half a character": rb'"\ud800"',
    "what a terminal obeys": TERMINAL.encode(),
    "a long text": b"x" * 200_000,
}

_ODD_JSON: dict[str, str] = {
    "null": "null",
    "true": "true",
    "negative": "-1",
    "huge": "1e300",
    "of many digits": "9" * 400,
    "infinite": "Infinity",
    "not a number": "NaN",
    "an empty text": '""',
    "a text": '"x"',
    "half a character": r'"\ud800"',
    "what a terminal obeys": json.dumps(TERMINAL),
    "long": json.dumps("y" * 100_000),
    "the year 1, in the east": '"0001-01-01T00:00:00+14:00"',
    "the year 9999, in the west": '"9999-12-31T23:59:59-14:00"',
    "a number": "5",
    "a list": "[1]",
    "an object": '{"a": 1}',
    "deep": "[" * 500 + "]" * 500,
    "too deep": "[" * DEPTH + "]" * DEPTH,
}


def odd_objects(valid: Mapping[str, Any]) -> Iterator[Named]:
    """Yield the JSON of an object with one field missing, with one that nobody knows, and with each one odd."""
    texts = {name: json.dumps(value) for name, value in valid.items()}
    yield "a field too many", _object(texts | {TERMINAL: "1"})
    for name in texts:
        yield f"{name} is missing", _object({other: text for other, text in texts.items() if other != name})
        for kind, odd in _ODD_JSON.items():
            yield f"{name} is {kind}", _object(texts | {name: odd})


def other_types(key: str, than: str) -> Iterator[tuple[str, Command]]:
    """Yield commands that make the key, which is not there, of each type but this one."""
    commands: dict[str, Command] = {
        "string": ("SET", key, "x"),
        "list": ("RPUSH", key, "x"),
        "hash": ("HSET", key, "x", "y"),
        "set": ("SADD", key, "x"),
        "zset": ("ZADD", key, 1, "x"),
        "stream": ("XADD", key, "*", "x", "y"),
    }
    yield from ((name, command) for name, command in commands.items() if name != than)


def odd_letters(subscription: str) -> Iterator[tuple[str, dict[bytes | str, bytes | str]]]:
    """Yield the fields of dead letters that are not as ours are."""
    attempt = {"time": "2026-01-31T09:30:00+00:00", "error": "ValueError: no"}
    ours: dict[bytes | str, bytes | str] = {
        "__data__": b'{"type": "a.b"}',
        "subscription": subscription,
        "entry": "1-1",
        "failures": json.dumps([attempt]),
    }
    for name, odd in ODD_BYTES.items():
        yield f"failures: {name}", ours | {"failures": odd}
    for name, odd in odd_objects(attempt):
        yield f"failures: {name}", ours | {"failures": b"[" + odd + b"]"}
    for field in ours:
        yield f"{field!r} is missing", {other: value for other, value in ours.items() if other != field}
    for name in ("no UTF-8", "what a terminal obeys", "empty", "a long text"):
        yield f"subscription: {name}", ours | {"subscription": ODD_BYTES[name]}
        yield f"entry: {name}", ours | {"entry": ODD_BYTES[name]}
    yield "nothing of ours", {b"\xff\x1b[2J": b"\xff\x1b[2J"}


def any_bytes(chance: random.Random) -> bytes:
    """Return any hostile bytes, of those here or made up, for a fuzz."""
    return chance.choice([*ODD_BYTES.values(), chance.randbytes(chance.randrange(300))])


def _object(texts: Mapping[str, str]) -> bytes:
    return ("{" + ", ".join(f"{json.dumps(name)}: {text}" for name, text in texts.items()) + "}").encode()
