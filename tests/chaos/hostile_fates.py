"""What became of each hostile value, by what can be seen of it afterwards; what cannot be seen is "unknown"."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import redis
from pydantic import TypeAdapter

from tests.chaos.hostile_handlers import TYPES
from tests.chaos.hostile_values import KEYS, STREAM, SUBSCRIPTIONS, Value

UNKNOWN = "unknown"
_ALL_TYPES = "audit-log"
_NOT_WANTED = "passed over: its type is not wanted"
_NO_EVENT = "passed over: it is no event"
_MAX_TYPE_LENGTH = 1000
_JSON: TypeAdapter[Any] = TypeAdapter(Any)


@dataclass(frozen=True)
class Evidence:
    """What is seen at the end: in Redis, in the notes of the handlers, in the logs and metrics, and by the commands.

    `notes` and `letters` are subscriptions with ids of events and of entries; `listed` are the dead letters that the
    command shows, and whether they are readable; `refused` is how often each store had a value that could not be read;
    `waiting` are the jobs whose messages wait with the worker.
    """

    client: redis.Redis
    notes: set[tuple[str, str]]
    letters: set[tuple[str, str]]
    listed: Mapping[str, bool]
    logs: Sequence[Mapping[str, Any]]
    refused: Mapping[str, float]
    waiting: set[str]
    events: Mapping[str, str]
    """The ids of the events that a replica had not finished, by their entries."""

    def not_known(self) -> set[str]:
        """Return the jobs of which a worker said that it knows none."""
        return {
            str(line.get("job_id"))
            for line in self.logs
            if line["event"] == "message dropped; its job has ended or is not known"
        }


def explained(planted: Sequence[tuple[Value, Any]], evidence: Evidence) -> Counter[str]:
    """Count what became of the values, which come with what Redis answered: `place: fate`."""
    found: Counter[str] = Counter()
    by_place: dict[str, list[tuple[Value, Any]]] = {}
    for value, answer in planted:
        by_place.setdefault(value.place, []).append((value, answer))
    for place, some in by_place.items():
        counted = OF_ALL[place](some, evidence) if place in OF_ALL else _each(some, evidence, OF_ONE[place])
        found.update({f"{place}: {fate}": number for fate, number in counted.items()})
    return found


def _each(
    some: Sequence[tuple[Value, Any]], evidence: Evidence, judge: Callable[[Value, Any, Evidence], str]
) -> Counter[str]:
    return Counter(
        "refused by Redis" if isinstance(answer, Exception) else judge(value, answer, evidence)
        for value, answer in some
    )


def _of_entry(value: Value, answer: Any, evidence: Evidence) -> str:
    """Say what became of it for our subscriptions; what is no event is a dead letter of who wants all types."""
    entry = answer.decode()
    seen = {_delivered(name, entry, value, evidence) for name in SUBSCRIPTIONS}
    if seen == {_NO_EVENT}:
        return "dead-lettered: it is no event" if (_ALL_TYPES, entry) in evidence.letters else UNKNOWN
    return " and ".join(sorted(seen))


def _of_redriven(value: Value, answer: Any, evidence: Evidence) -> str:
    return _delivered(value.key.removeprefix(KEYS.redriven("")), f"redriven/{answer.decode()}", value, evidence)


def _delivered(subscription: str, entry: str, value: Value, evidence: Evidence) -> str:
    """Say what became of an entry for one subscription."""
    if (subscription, entry) in evidence.letters:
        return "dead-lettered"
    fields = dict(zip(value.command[3::2], value.command[4::2], strict=True))
    kind = fields.get(b"__type__")
    if kind is not None and len(kind) <= _MAX_TYPE_LENGTH and not _wanted(kind.decode(errors="replace")):
        return _NOT_WANTED
    try:
        event = _JSON.validate_json(fields[b"__data__"])
        if not _wanted(event["type"]):
            return _NOT_WANTED
        return "handled" if (subscription, str(event["id"])) in evidence.notes else UNKNOWN
    except (ValueError, KeyError, TypeError):
        return _NO_EVENT


def _wanted(kind: str) -> bool:
    return any(fnmatchcase(kind, pattern) for pattern in TYPES)


def _of_letter(_: Value, answer: Any, evidence: Evidence) -> str:
    readable = evidence.listed.get(answer.decode())
    return UNKNOWN if readable is None else "listed" if readable else "listed as unreadable"


def _of_job(value: Value, _: Any, evidence: Evidence) -> str:
    progress: Any = evidence.client.hget(value.key, "progress")
    if b'"status":"failed"' in progress and not evidence.client.hexists(value.key, "job"):
        return "not run, and failed: nobody of ours signed it"
    return "not run: its message is of another turn" if value.name in evidence.not_known() else UNKNOWN


def _of_sign(value: Value, _: Any, evidence: Evidence) -> str:
    return "forgotten: no job has it" if evidence.client.zscore(value.key, value.name) is None else UNKNOWN


def _of_record(value: Value, _: Any, evidence: Evidence) -> str:
    subscription = value.key.removeprefix(KEYS.records(""))
    if (subscription, evidence.events[str(value.name)]) in evidence.notes:
        return "counts as none; its event is handled"
    return "its event is dead-lettered" if (subscription, str(value.name)) in evidence.letters else UNKNOWN


def _of_sign_of_subscription(value: Value, _: Any, evidence: Evidence) -> str:
    now: Any = evidence.client.hget(value.key, value.name)
    return "removed" if now is None else "left: nobody runs it" if now == value.command[3] else "made a time"


def _of_field(value: Value, _: Any, evidence: Evidence) -> str:
    now: Any = evidence.client.hget(value.key, value.name)
    return "left: nobody reads it" if now == value.command[3] else "overwritten"


def _of_group(value: Value, _: Any, evidence: Evidence) -> str:
    groups: Any = evidence.client.xinfo_groups(value.key)
    return "left: nobody runs it" if value.name in {group["name"] for group in groups} else UNKNOWN


def _of_consumer(value: Value, _: Any, evidence: Evidence) -> str:
    consumers: Any = evidence.client.xinfo_consumers(STREAM, value.key)
    return "left: it reads nothing" if value.name in {each["name"] for each in consumers} else "forgotten"


def _of_key(value: Value, _: Any, evidence: Evidence) -> str:
    return "left: nobody reads it" if evidence.client.exists(value.key) else UNKNOWN


def _of_binding(value: Value, _: Any, evidence: Evidence) -> str:
    members: Any = evidence.client.smembers(value.key)
    return "left: nobody reads it" if value.name in members else UNKNOWN


def _of_heard(_: Value, answer: Any, __: Evidence) -> str:
    return "heard by nobody" if answer == 0 else "heard, and not kept"


def _of_scope(value: Value, answer: Any, _: Evidence) -> str:
    """Of what stood in the way of a job: the harness saw that it ended."""
    return f"put right: the next job of the scope ended ({answer})" if answer == "success" else f"{UNKNOWN} {value.key}"


def _of_messages(some: Sequence[tuple[Value, Any]], evidence: Evidence) -> Counter[str]:
    """Count the messages whose job nobody knows by the log, and those that were dropped by the metric."""
    known = evidence.not_known()
    not_known = sum(value.name in known for value, _ in some)
    waiting = sum(value.name in evidence.waiting - known for value, _ in some)
    dropped = min(len(some) - not_known - waiting, int(evidence.refused["messages"]))
    return Counter(
        {
            "dropped and counted: it names no job": dropped,
            "taken, and its job is not known": not_known,
            "waits with the worker, for minutes at most": waiting,
            UNKNOWN: len(some) - not_known - waiting - dropped,
        }
    )


def _of_intents(some: Sequence[tuple[Value, Any]], evidence: Evidence) -> Counter[str]:
    left = sum(bool(evidence.client.hexists(value.key, str(value.name))) for value, _ in some)
    counted = min(left, int(evidence.refused["intents"]))
    return Counter({"stays, named and counted": counted, "resolved": len(some) - left, UNKNOWN: left - counted})


def _of_reserved(some: Sequence[tuple[Value, Any]], evidence: Evidence) -> Counter[str]:
    left = sum(bool(evidence.client.hexists(value.key, str(value.name))) for value, _ in some)
    return Counter({"dropped and counted: it is no message": len(some) - left, UNKNOWN: left})


def _of_other_types(some: Sequence[tuple[Value, Any]], evidence: Evidence) -> Counter[str]:
    named = [line["key"] for line in evidence.logs if line["event"] == "key has the wrong type; it is set aside"]
    missing = Counter(value.key for value, _ in some) - Counter(named)
    return Counter({"set aside, named and counted": len(some) - missing.total(), UNKNOWN: missing.total()})


OF_ALL: dict[str, Callable[[Sequence[tuple[Value, Any]], Evidence], Counter[str]]] = {
    "a message of Celery's queue": _of_messages,
    "a message that a worker has": _of_reserved,
    "an intent": _of_intents,
    "a key, by one of another type": _of_other_types,
}
OF_ONE: dict[str, Callable[[Value, Any, Evidence], str]] = {
    "an entry of the stream": _of_entry,
    "an entry that is redriven": _of_redriven,
    "a dead letter": _of_letter,
    "a job": _of_job,
    "a sign of life of a job": _of_sign,
    "a record of attempts": _of_record,
    "a group of the stream": _of_group,
    "a consumer of a group": _of_consumer,
    "a sign of life of a subscription": _of_sign_of_subscription,
    "a pause": _of_field,
    "a number of dead letters": _of_field,
    "the size of a scope that nobody has": _of_field,
    "a key with a name that nobody has": _of_key,
    "a binding of Celery's": _of_binding,
    "a message on the channel": _of_heard,
    "the lock, number or size of a scope": _of_scope,
}
