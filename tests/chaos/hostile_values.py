"""Hostile values over all that qontract keeps in Redis: where each goes, and how it gets there."""

import json
from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import NamedTuple
from uuid import UUID

from qontract.adapters.redis.keys import keys_of
from tests.support.hostile import ODD_BYTES, TERMINAL, Command, odd_letters, odd_objects, other_types
from tests.support.hostile_messages import makers_of_odd_messages, message_of

STREAM = "qontract:{main}:events"
KEYS = keys_of("main", STREAM)
CELERY = f"{KEYS.prefix}celery:"
QUEUE = f"{CELERY}jobs"
SUBSCRIPTIONS = ("ordered", "shared")
SCOPES = tuple(f"team-{number}" for number in range(4))
"""The workspaces of the good jobs."""

_MAX_LENGTH = 20_000
"""Bytes: of thousands of values few may be long, or the run measures Redis' memory."""
_EVENT = {
    "specversion": "1.0",
    "id": "1",
    "source": "/x",
    "type": "com.example.happened",
    "subject": "s",
    "time": "2026-01-31T09:30:00Z",
    "datacontenttype": "application/json",
    "partitionkey": "k",
    "data": {"a": 1},
}
_ATTEMPT = {"time": "2026-01-31T09:30:00+00:00", "error": "ValueError: no"}
_RECORD = {"failures": [], "due": 0, "begun": 0}
_JOB_FIELDS = ("job", "progress", "about", "number", "turn", "due", "run", "attempts")


class Value(NamedTuple):
    """A hostile value: what it stands in place of, the command that puts it there, and by what it is found again.

    `name` is a field, a member or an id within the key; `before` what has to be done before the command.
    """

    place: str
    key: str
    name: str | bytes
    command: Command
    before: tuple[Command, ...] = ()


def of_other_types() -> Iterator[tuple[Value, ...]]:
    """Yield rounds of values that replace, all at once, each key that has a name of its own by one of another type."""
    types: dict[str, str] = {
        KEYS.intents: "hash",
        KEYS.dead: "stream",
        KEYS.dead_counts: "hash",
        KEYS.alive: "hash",
        KEYS.paused: "hash",
        f"{KEYS.prefix}job-signs": "zset",
        f"{KEYS.prefix}job-number": "string",
        f"{KEYS.prefix}memberships": "hash",
        KEYS.lease("ordered"): "string",
        **{KEYS.redriven(name): "stream" for name in SUBSCRIPTIONS},
        **{KEYS.records(name): "hash" for name in SUBSCRIPTIONS},
        QUEUE: "list",
        f"{QUEUE}\x06\x163": "list",
        f"{CELERY}unacked": "hash",
        f"{CELERY}unacked_index": "zset",
        f"{CELERY}_kombu.binding.jobs": "set",
    }
    for number in range(5):
        yield tuple(
            Value("a key, by one of another type", key, "", [*other_types(key, than=kind)][number][1], (("DEL", key),))
            for key, kind in types.items()
        )


def before_a_job(random: Random, scope: str) -> Iterator[Value]:
    """Yield what would keep the next job of this scope waiting for ever, or mislead it."""
    name = f"slack-usergroups/{scope}"
    place = "the lock, number or size of a scope"
    lock, begun, sizes = f"{KEYS.prefix}lock:{name}", f"{KEYS.prefix}begun:{name}", f"{KEYS.prefix}memberships"
    odd = _odd(random)
    _, of_lock = random.choice([*other_types(lock, than="none")])
    _, of_begun = random.choice([*other_types(begun, than="string")])
    number = random.choice([("SET", begun, b"999999999999999"), ("SET", begun, odd), of_begun])
    yield Value(place, lock, "", of_lock, (("DEL", lock),))
    yield Value(place, begun, "", number, (("DEL", begun),))
    yield Value(place, sizes, name, ("HSET", sizes, name, odd))


def values(random: Random, count: int, entries: Mapping[str, str]) -> Iterator[Value]:
    """Yield so many values; `entries` are those of the stream that a replica has not finished, by their ids."""
    makers = {make: share for make, share in _PLACES.items() if entries or make is not _record}
    for make in random.choices([*makers], [*makers.values()], k=count):
        yield make(random, entries)


def _entry(random: Random, _: Mapping[str, str]) -> Value:
    return Value("an entry of the stream", STREAM, "", ("XADD", STREAM, "*", *_fields(random)))


def _redriven(random: Random, _: Mapping[str, str]) -> Value:
    key = KEYS.redriven(random.choice(SUBSCRIPTIONS))
    return Value("an entry that is redriven", key, "", ("XADD", key, "*", *_fields(random)))


def _letter(random: Random, _: Mapping[str, str]) -> Value:
    fields = random.choice(_LETTERS)
    flat = [_short(part.encode() if isinstance(part, str) else part) for field in fields.items() for part in field]
    return Value("a dead letter", KEYS.dead, "", ("XADD", KEYS.dead, "*", *flat))


def _message(random: Random, _: Mapping[str, str]) -> Value:
    job_id = _id(random)
    raw = random.choice(_MESSAGES)(job_id)
    if job_id.encode() not in raw:  # each is another value: it is counted once
        raw = raw[:2] + job_id.encode() + raw[2:]
    return Value("a message of Celery's queue", QUEUE, job_id, ("LPUSH", QUEUE, raw[: 2 * 10**6]))


def _job(random: Random, _: Mapping[str, str]) -> Value:
    job_id = _id(random)
    key = f"{KEYS.prefix}job:{job_id}"
    fields: dict[str, bytes] = {"number": b"1", "turn": b"1", "due": b"0", "job": b"{}", "progress": b"{}"}
    for field in random.sample(_JOB_FIELDS, 2):
        fields[field] = _odd(random)
    message = json.dumps(message_of(job_id)).encode()
    flat = [part for field in fields.items() for part in field]
    return Value("a job", key, job_id, ("LPUSH", QUEUE, message), (("HSET", key, *flat),))


def _sign(random: Random, _: Mapping[str, str]) -> Value:
    key, member = f"{KEYS.prefix}job-signs", random.choice([_id(random).encode(), _odd(random)])
    score = random.choice(["-inf", "+inf", "0", "1e300", "5"])
    return Value("a sign of life of a job", key, member, ("ZADD", key, score, member))


def _intent(random: Random, _: Mapping[str, str]) -> Value:
    event_id = _id(random)
    text = _short(random.choice(_INTENTS)[1]).decode(errors="replace")
    raw = random.choice([_odd(random), json.dumps([random.choice(["slack-usergroups/nowhere", "", 5]), text]).encode()])
    return Value("an intent", KEYS.intents, f"/x:{event_id}", ("HSET", KEYS.intents, f"/x:{event_id}", raw))


def _record(random: Random, entries: Mapping[str, str]) -> Value:
    entry = random.choice([*entries])
    key = KEYS.records(random.choice(SUBSCRIPTIONS))
    odd = random.choice([_odd(random), _short(random.choice(_RECORDS)[1])])
    return Value("a record of attempts", key, entry, ("HSET", key, entry, odd))


def _group(random: Random, _: Mapping[str, str]) -> Value:
    name = _name(random)
    return Value("a group of the stream", STREAM, name, ("XGROUP", "CREATE", STREAM, name, "$"))


def _consumer(random: Random, _: Mapping[str, str]) -> Value:
    group, name = random.choice(SUBSCRIPTIONS), _name(random)
    return Value("a consumer of a group", group, name, ("XGROUP", "CREATECONSUMER", STREAM, group, name))


def _in_hash(place: str, key: str) -> Callable[[Random, Mapping[str, str]], Value]:
    def make(random: Random, _: Mapping[str, str]) -> Value:
        name = _name(random)
        return Value(place, key, name, ("HSET", key, name, _odd(random)))

    return make


def _unread(random: Random, _: Mapping[str, str]) -> Value:
    """Return a key of which nothing of ours is ever asked, or that a later value of ours takes the place of."""
    which = random.choice(["lock:", "begun:", "handled:ordered:", f"published:{STREAM}:", "lease:", "records:"])
    key = f"{KEYS.prefix}{which}{_id(random)}"
    command = random.choice([*other_types(key, than="none")])[1]
    return Value("a key with a name that nobody has", key, "", command)


def _reserved(random: Random, _: Mapping[str, str]) -> Value:
    tag, key = _id(random), f"{CELERY}unacked"
    index = ("ZADD", f"{CELERY}unacked_index", "1", tag)
    return Value("a message that a worker has", key, tag, ("HSET", key, tag, _odd(random) + tag.encode()), (index,))


def _binding(random: Random, _: Mapping[str, str]) -> Value:
    key, odd = f"{CELERY}_kombu.binding.jobs", _odd(random)
    return Value("a binding of Celery's", key, odd, ("SADD", key, odd))


def _heard(random: Random, _: Mapping[str, str]) -> Value:
    return Value("a message on the channel", "main", "", ("PUBLISH", "main", _odd(random)))


def _fields(random: Random) -> list[bytes]:
    """Return the fields of an entry: with odd bytes, with an event that is odd, or none of ours at all."""
    _, event = random.choice(_EVENTS)
    data = random.choice([_short(event), _short(event), _odd(random)])
    kind = random.choice([b"com.example.happened", b"com.example.happened", b"other", _odd(random)])
    return random.choice(
        [[b"__data__", data], [b"__data__", data, b"__type__", kind], [b"__data__", data], [_odd(random), _odd(random)]]
    )


def _odd(random: Random) -> bytes:
    """Return bytes that are hostile, or were until one of them was changed."""
    odd = bytearray(_short(random.choice(_BYTES)))
    if odd and random.random() < 0.5:
        odd[random.randrange(len(odd))] = random.randrange(256)
    return bytes(odd) if random.random() < 0.7 else random.randbytes(random.randrange(1, 300))


def _name(random: Random) -> bytes:
    odd = random.choice([b"\xff\xfe", TERMINAL.encode(), b"y" * 2000, b"", b"ordered ", b"../..", b"{}", b"*"])
    return odd + random.randbytes(4)


def _id(random: Random) -> str:
    return str(UUID(int=random.getrandbits(128), version=4))


def _short(odd: bytes) -> bytes:
    return odd[:_MAX_LENGTH]


_BYTES = [*ODD_BYTES.values(), json.dumps(_EVENT).encode(), json.dumps(_RECORD).encode()]
_EVENTS = [*ODD_BYTES.items(), *odd_objects(_EVENT)]
_INTENTS = _EVENTS
_RECORDS = [
    *odd_objects(_RECORD),
    *((name, b'{"due": 0, "begun": 0, "failures": [' + odd + b"]}") for name, odd in odd_objects(_ATTEMPT)),
]
_MESSAGES = [make for _, make in makers_of_odd_messages()]
_LETTERS = [fields for _, fields in odd_letters("ordered")]
_PLACES: dict[Callable[[Random, Mapping[str, str]], Value], float] = {
    _entry: 25,
    _message: 17,
    _job: 10,
    _intent: 10,
    _letter: 9,
    _record: 6,
    _redriven: 4,
    _sign: 4,
    _reserved: 4,
    _unread: 4,
    _heard: 4,
    _in_hash("the size of a scope that nobody has", f"{KEYS.prefix}memberships"): 1,
    _in_hash("a sign of life of a subscription", KEYS.alive): 0.5,
    _in_hash("a pause", KEYS.paused): 0.5,
    _in_hash("a number of dead letters", KEYS.dead_counts): 0.5,
    _binding: 0.5,
    _group: 0.4,
    _consumer: 0.4,
}
