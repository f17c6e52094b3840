"""Hostile messages: what somebody with write access to Redis may push where a worker takes its jobs."""

import base64
import json
import pickle
import zlib
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

from tests.support.hostile import DEPTH, TERMINAL

_Message = dict[str, Any]
_REMOVED = object()


def odd_messages(job_id: str) -> Iterator[tuple[str, bytes]]:
    """Yield what is no message of ours, by name; those that could be one name this job."""
    yield from ((name, make(job_id)) for name, make in makers_of_odd_messages())


def makers_of_odd_messages() -> Iterator[tuple[str, Callable[[str], bytes]]]:
    """Yield what makes each of them for a job."""
    for name, raw in _NO_MESSAGE.items():
        yield name, lambda _, raw=raw: raw  # type: ignore[misc] # mypy does not see its default
    for path, values in _ODD.items():
        for name, value in values.items():
            yield f"{path}: {name}", partial(_changed, partial(_put, path=path, value=value))
    for name, body in _BODIES.items():
        encoded = base64.b64encode(body).decode()
        yield f"body is {name}", partial(_changed, partial(_put, path="body", value=encoded))
    for name, change in _CHANGED.items():
        yield name, partial(_changed, change)


def _changed(change: Callable[[_Message], None], job_id: str) -> bytes:
    message = message_of(job_id)
    change(message)
    return json.dumps(message).encode()


def message_of(job_id: str) -> _Message:
    """Return a message as Celery makes it for a job."""
    body = json.dumps([[job_id, 1], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}])
    return {
        "body": base64.b64encode(body.encode()).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {
            "lang": "py",
            "task": "qontract.run",
            "id": job_id,
            "shadow": None,
            "eta": None,
            "expires": None,
            "group": None,
            "group_index": None,
            "retries": 0,
            "timelimit": [None, None],
            "root_id": job_id,
            "parent_id": None,
            "argsrepr": f"[{job_id!r}, 1]",
            "kwargsrepr": "{}",
            "origin": "somebody",
            "ignore_result": True,
            "replaced_task_nesting": 0,
            "stamped_headers": None,
            "stamps": {},
        },
        "properties": {
            "correlation_id": job_id,
            "reply_to": job_id,
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": "jobs"},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": job_id,
        },
    }


def _put(message: _Message, path: str, value: Any) -> None:
    *above, last = path.split(".")
    for name in above:
        message = message[name]
    if value is _REMOVED:
        del message[last]
    else:
        message[last] = value


def _embedded(message: _Message, body: Any, **headers: Any) -> None:
    message["body"] = base64.b64encode(json.dumps(body).encode()).decode()
    message["headers"] |= headers


def _of_the_first_protocol(message: _Message, **more: Any) -> None:
    body = {"task": "qontract.run", "id": "x", "args": ["x"], "kwargs": {}} | more
    message["headers"] = {}
    message["body"] = base64.b64encode(json.dumps(body).encode()).decode()


def _signature(task: str) -> _Message:
    return {"task": task, "args": ["touch /tmp/pwned"], "kwargs": {}, "options": {}, "subtask_type": None}


class _Malicious:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return exec, ("raise SystemExit('executed')",)


def _packed(message: _Message) -> None:
    message["headers"]["compression"] = "zlib"
    message["body"] = _bomb()


@cache
def _bomb() -> str:
    return base64.b64encode(zlib.compress(b"[" + b" " * 50_000_000 + b"]")).decode()


def _pickled(message: _Message) -> None:
    message |= {"content-type": "application/x-python-serialize", "content-encoding": "binary"}
    message["body"] = base64.b64encode(pickle.dumps(_Malicious())).decode()


_NO_MESSAGE: dict[str, bytes] = {
    "empty": b"",
    "no JSON": b"garbage",
    "cut JSON": b'{"body": "',
    "no UTF-8": b"\xff\xfe\x00",
    "null": b"null",
    "a number": b"5",
    "NaN": b"NaN",
    "a text": b'"text"',
    "a list": b"[]",
    "an empty object": b"{}",
    "deep": b"[" * DEPTH,
    "deep, and it ends": b"[" * DEPTH + b"]" * DEPTH,
    "a deep object": b'{"headers":' * 5000 + b"1" + b"}" * 5000,
    "a number of many digits": b"9" * 10_000,
    "what a terminal obeys": TERMINAL.encode(),
    "huge": b'{"body": "' + b"x" * 5_000_000 + b'"}',
    "half a character": rb'{"body": "\ud800", "headers": {"id": "\ud800"}, "properties": {"delivery_tag": "\ud800"}}',
    "a date of Celery's": b'{"__type__": "datetime", "__value__": "no"}',
    "an unknown type of Celery's": b'{"__type__": {}, "__value__": []}',
}
_WRONG: dict[str, Any] = {"missing": _REMOVED, "null": None, "a number": 5, "a text": "x", "a list": [1]}
_TEXT: dict[str, Any] = {"missing": _REMOVED, "null": None, "a number": 5, "a list": [1], "an object": {"a": 1}}
_ODD: dict[str, dict[str, Any]] = {
    "body": _TEXT | {"no base64": "%%%%", "half a character": "\ud800", "half of it": "abc", "empty": ""},
    "content-type": _TEXT
    | {"of pickle": "application/x-python-serialize", "yaml": "application/x-yaml", "?": "\x1b[2J"},
    "content-encoding": _TEXT | {"unknown": "klingon", "binary": "binary", "a codec": "zlib_codec"},
    "headers": _WRONG,
    "headers.task": _TEXT
    | {"unknown": "os.system", "of Celery": "celery.map", "terminal": TERMINAL, "long": "y" * 10**6},
    "headers.id": _TEXT | {"long": "y" * 10**6, "half a character": "\ud800"},
    "headers.eta": {
        "no time": "tomorrow",
        "a number": 5,
        "a list": [],
        "of the year 9999": "9999-12-31T23:59:59-14:00",
        "of the year 1": "0001-01-01T00:00:00+14:00",
        "in a hundred years": "2126-01-01T00:00:00+00:00",
        "without an offset": "2126-01-01T00:00:00",
        "an object": {"a": 1},
    },
    "headers.expires": {
        "no time": "soon",
        "past": "2001-01-01T00:00:00",
        "a list": [1],
        "1e300": 1e300,
        "NaN": float("nan"),
    },
    "headers.timelimit": _WRONG
    | {"texts": ["x", "y"], "tiny": [0.000001, 0.000001], "negative": [-1, -1], "1e300": [1e300] * 2},
    "headers.retries": {"a text": "x", "null": None, "negative": -(10**9), "huge": 10**30, "a list": [1]},
    "headers.group": {"a list": [1], "an object": {"a": 1}, "a text": "x"},
    "headers.stamps": _WRONG,
    "headers.stamped_headers": {"a number": 5, "a text": "x", "objects": [{}]},
    "headers.compression": {"unknown": "x", "zlib": "zlib", "a list": [1], "bzip2": "bzip2"},
    "headers.argsrepr": {"a number": 5, "what a terminal obeys": TERMINAL, "long": "y" * 10**6, "a list": []},
    "headers.origin": {"a number": 5, "an object": {}},
    "headers.root_id": {"a number": 5, "a list": [1]},
    "headers.lang": {"c": "c", "a list": [1]},
    "properties": _WRONG,
    "properties.delivery_tag": _TEXT | {"long": "y" * 10**6, "half a character": "\ud800"},
    "properties.delivery_info": _WRONG | {"empty": {}, "another queue": {"exchange": "other", "routing_key": "other"}},
    "properties.body_encoding": {"missing": _REMOVED, "null": None, "unknown": "rot13", "a list": [1]},
    "properties.priority": {"a text": "x", "huge": 10**30, "negative": -5, "null": None, "a list": [1]},
    "properties.correlation_id": {"missing": _REMOVED, "null": None, "an object": {}},
    "properties.reply_to": {"missing": _REMOVED, "an object": {}},
}
_BODIES: dict[str, bytes] = {
    "empty": b"",
    "no JSON": b"garbage",
    "no UTF-8": b"\xff\xfe",
    "deep": b"[" * DEPTH,
    "null": b"null",
    "an object": b"{}",
    "a text": b'"x"',
    "too short": b"[[]]",
    "of numbers": b"[1, 2, 3]",
    "without a job": b"[[], {}, {}]",
    "a job that is a number": b"[[5, 1], {}, {}]",
    "a job that is an object": b'[[{"a": 1}, 1], {}, {}]',
    "a turn that is a list": b'[["x", [1]], {}, {}]',
    "a turn that is huge": b'[["x", 1e300], {}, {}]',
    "too many arguments": b"[[1, 2, 3, 4, 5], {}, {}]",
    "arguments that nobody knows": b'[[], {"os": "system"}, {}]',
    "a job of half a character": rb'[["\ud800", 1], {}, {}]',
    "a date that is none": b'[[{"__type__": "datetime", "__value__": "no"}], {}, {}]',
    "a job of what a terminal obeys": json.dumps([[TERMINAL, 1], {}, {}]).encode(),
    "a job with a long name": json.dumps([["y" * 10**6, 1], {}, {}]).encode(),
}
_CHANGED: dict[str, Callable[[_Message], None]] = {
    "a pickle": _pickled,
    "packed": _packed,
    "the first protocol": _of_the_first_protocol,
    "the first protocol, of another task": partial(_of_the_first_protocol, task="celery.backend_cleanup"),
    "the first protocol, with odd arguments": partial(_of_the_first_protocol, args=5, kwargs=5),
    "the first protocol, with an odd task": partial(_of_the_first_protocol, task=[1]),
    "callbacks": partial(_embedded, body=[["x"], {}, {"callbacks": [_signature("os.system")]}]),
    "errbacks": partial(_embedded, body=[[], {}, {"errbacks": [_signature("os.system"), 5]}]),
    "a chain": partial(_embedded, body=[["x"], {}, {"chain": [5, {"a": 1}]}]),
    "a chord": partial(_embedded, body=[["x"], {}, {"chord": _signature("os.system")}], group="g"),
    "celery.map": partial(_embedded, body=[[_signature("qontract.run"), [[1]]], {}, {}], task="celery.map"),
    "celery.chunks": partial(_embedded, body=[[5, 5, 5], {}, {}], task="celery.chunks"),
    "celery.accumulate": partial(_embedded, body=[[5], {"index": "x"}, {}], task="celery.accumulate"),
}
