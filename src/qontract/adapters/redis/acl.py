"""What each process may do on Redis: the least that it needs, as one rule for the server's list of users (ACL).

A rule has a root, for what names no key, and for scripts: a script runs with the rights of its user, so each of its
commands is checked again. Every other command may touch only the keys that are in parentheses with it (a selector).
`@connection` is what clients say of themselves, which differs from one version to the next, WAIT and WAITAOF; tracking
would tell them of keys of others.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from qontract.adapters.redis.keys import keys_of

OLDEST = "7.0"
"""The least version of Redis: of flags of scripts, what XAUTOCLAIM says of deleted entries, and selectors."""


PLACEHOLDER = "#SHA256_OF_THE_PASSWORD"
"""What the server refuses as it stands: nobody makes a user whose password everybody knows."""


class AclUser(StrEnum):
    """Who has a user of its own; `operator`: the commands that ask Redis and not the API."""

    API = "api"
    WORKER = "worker"
    SUBSCRIBER = "subscriber"
    OPERATOR = "operator"


class Grant(NamedTuple):
    """A command, as a rule names it, and a pattern of the keys that it may touch; of none, a channel or ""."""

    command: str
    key: str


_STREAM, _CHANNEL = "<stream>", "<channel>"

_Uses = Sequence[tuple[str, str]]
"""Commands, and patterns of keys after the prefix; or <stream>, <channel>, or nothing for commands without a key."""

_SCRIPTS: _Uses = [("eval evalsha", "*"), ("eval evalsha", _STREAM), ("time", "")]

_PUBLISHING: _Uses = [
    ("type hdel", "intents"),
    ("exists expire set", "published:*"),
    ("xadd", _STREAM),
    ("publish", _CHANNEL),
]

_SENDING: _Uses = [
    ("hget hset expire hmget", "job:*"),
    ("zadd zrem", "job-signs"),
    ("llen lpush", "celery:jobs*"),
    ("sadd", "celery:_kombu.binding*"),
    ("multi exec script|load", ""),
]

_SUBMITTING: _Uses = [
    *_SENDING,
    ("del hexists", "job:*"),
    ("get incr set", "job-number"),
    ("zadd zrem", "jobs"),
    ("zadd zrem zrangebyscore", "jobs-kept-until"),
    ("zadd zrem", "jobs-waiting"),
    ("set", "ready"),
]

_ENDING: _Uses = [
    ("exists hget hset hdel expire", "job:*"),
    ("zrem", "job-signs"),
    ("zrem", "jobs-waiting"),
    ("zadd", "jobs-kept-until"),
    ("zcard zrange zrangebyscore zrem", "scopes"),
    ("hdel", "scope-ends"),
    ("hdel", "scope-successes"),
]

_JOBS: _Uses = [
    *_ENDING,
    ("hmget hexists hsetnx", "job:*"),
    ("zrange", "jobs"),
    ("zcard zmscore", "job-signs"),
    ("zcard zrange", "jobs-waiting"),
    ("zrevrange", "scopes"),
    ("script|load", ""),
    ("hmget", "scope-ends"),
    ("hmget", "scope-successes"),
]

_SET_ASIDE_JOBS = (
    *("job:*", "lock:*", "begun:*", "job-signs", "job-number", "memberships"),
    *("jobs", "jobs-kept-until", "jobs-waiting", "scopes", "scope-ends", "scope-successes"),
    *("celery:jobs*", "celery:unacked*", "celery:_kombu.binding*"),
)

_RUNNING: _Uses = [
    *_SENDING,
    *_ENDING,
    ("hexists hincrby hsetnx", "job:*"),
    ("zadd", "jobs-waiting"),
    ("zadd", "scopes"),
    ("hset", "scope-ends"),
    ("hset", "scope-successes"),
    ("zscore zrange", "job-signs"),
    ("hset hmget", "memberships"),
    ("del exists get pexpire set", "lock:*"),
    ("get set", "begun:*"),
    ("brpop lrange rpush", "celery:jobs*"),
    ("watch hdel hget hset hvals", "celery:unacked"),
    ("zadd zrange zrem", "celery:unacked_index"),
    ("set get del", "celery:unacked_mutex"),
    ("get", "job-number"),
    ("set", "ready"),
    *(("type rename", key) for key in _SET_ASIDE_JOBS),
    ("pttl", "lock:*"),
    ("pttl", "celery:unacked_mutex"),
    ("rename pexpire", "set-aside:*"),
]

_INTENDING: _Uses = [
    ("info", ""),
    ("hset hgetall", "intents"),
    ("rename", "intents"),
]

_MEASURING: _Uses = [
    ("xinfo|groups xinfo|consumers xinfo|stream xlen xrange xpending", _STREAM),
    ("xlen xrange xpending", "redriven:*"),
    ("xlen", "dead"),
    ("hget", "dead-counts"),
]

_LOOKING: _Uses = [("xrange xrevrange xinfo|stream", _STREAM)]

_CONTROL: _Uses = [
    *_MEASURING,
    ("type hscan hexists hget hdel hsetnx", "paused"),
    ("type hscan hexists hget hdel", "alive"),
    ("hlen hkeys hdel del", "records:*"),
    ("del", "redriven:*"),
    ("get", "lease:*"),
    ("exists xgroup|create xgroup|destroy", _STREAM),
    ("del", "outcomes:*"),
    ("hdel", "interests"),
    ("hset hdel", "places"),
]

_EXPLAINING: _Uses = [
    ("hget", "interests"),
    ("hget", "places"),
    ("hmget hscan", "records:*"),
    ("xrange", "outcomes:*"),
    ("xrevrange", "redriven:*"),
    ("zrange", "redrives"),
    ("xrange xrevrange", "dead"),
    ("get type", "published:*"),
    ("hgetall", "intents"),
]

_DEAD_LETTERS: _Uses = [
    ("xrange xrevrange xdel exists xinfo|stream", "dead"),
    ("xadd xdel exists xinfo|stream", "redriven:*"),
    ("hget hincrby", "dead-counts"),
    ("xadd xrange xdel", "dead-changes"),
    ("zcard zrange zadd zremrangebylex", "redrives"),
    ("hget hset hsetnx hdel", "redrive-runs"),
    ("hget", "records:*"),
]

_HANDLING: _Uses = [
    *_MEASURING,
    ("xgroup|create xgroup|delconsumer xreadgroup xclaim xautoclaim xack", "redriven:*"),
    ("xinfo|groups xinfo|consumers xdel", "redriven:*"),
    ("xgroup|create xgroup|delconsumer xgroup|setid xreadgroup xclaim xautoclaim xack", _STREAM),
    ("exists xread xtrim", _STREAM),
    ("hkeys hdel hget hset", "records:*"),
    ("get set del", "lease:*"),
    ("set exists", "handled:*"),
    ("xadd xtrim expire", "outcomes:*"),
    ("hset", "interests"),
    ("hsetnx", "places"),
    ("hexists", "paused"),
    ("hget hset", "alive"),
    ("xadd", "dead"),
    ("hset hincrby", "dead-counts"),
    ("zremrangebylex", "redrives"),
    ("info", ""),
    ("subscribe unsubscribe", _CHANNEL),
]

_SET_ASIDE = (
    *("intents", "dead", "dead-counts", "dead-changes", "redrives", "redrive-runs", "alive", "paused"),
    *("interests", "places", "redriven:*", "records:*", "outcomes:*", "lease:*"),
)

_SETTING_ASIDE: _Uses = [
    *(("type rename", key) for key in _SET_ASIDE),
    ("pttl", "lease:*"),
    ("xinfo|stream xadd", "dead"),
    ("xinfo|stream xadd", "dead-changes"),
    ("xinfo|stream xadd", "redriven:*"),
    ("xinfo|stream xadd", "outcomes:*"),
    ("rename pexpire xrange xdel", "set-aside:*"),
]

_SHOWING: _Uses = [
    ("hset hdel expire type rename", "processes"),
    ("zadd zcard zrange zrangebyscore zrem expire type rename", "processes-seen"),
    ("rename pexpire", "set-aside:processes*"),
]

_STATUS: _Uses = [
    ("hget hstrlen", "processes"),
    ("zrevrange", "processes-seen"),
    ("hgetall", "intents"),
    ("info", ""),
]

_USES: Mapping[AclUser, _Uses] = {
    AclUser.API: [
        *_SCRIPTS,
        *_SUBMITTING,
        *_JOBS,
        *_PUBLISHING,
        *_CONTROL,
        *_LOOKING,
        *_EXPLAINING,
        *_DEAD_LETTERS,
        *_SHOWING,
        *_STATUS,
    ],
    AclUser.WORKER: [*_SCRIPTS, *_RUNNING, *_PUBLISHING, *_INTENDING, *_SHOWING],
    AclUser.SUBSCRIBER: [*_SCRIPTS, *_HANDLING, *_SETTING_ASIDE, *_PUBLISHING, *_SHOWING],
    AclUser.OPERATOR: [*_SCRIPTS, *_PUBLISHING, *_CONTROL, *_LOOKING, *_EXPLAINING, *_DEAD_LETTERS, *_JOBS, *_STATUS],
}


def grants(process: AclUser, *, channel: str, stream: str) -> frozenset[Grant]:
    """Return all that the process needs; of a `stream` that is "", nothing."""
    prefix = keys_of(channel).prefix
    names = {_STREAM: _literal(stream), _CHANNEL: _literal(channel), "": ""}
    found = set()
    for commands, key in _USES[process]:
        if stream or key != _STREAM:
            name = names.get(key, prefix + key)
            found |= {Grant(command, name) for command in commands.split()}
    return frozenset(found)


def rule(process: AclUser, *, channel: str, stream: str, user: str, password: str = PLACEHOLDER) -> str:
    """Return the command that makes the user, or makes it anew: `password` is as ACL SETUSER takes it.

    Raises ValueError for a stream, or a user, with a blank in its name: no rule can name it.
    """
    for name in (user, stream):
        if re.search(r"[\s\0]", name):
            raise ValueError(f"{name!r} has a blank in it: no rule of Redis can name it")
    granted = grants(process, channel=channel, stream=stream)
    root = {grant for grant in granted if _is_of_root(grant, channel)}
    patterns = sorted({grant.key for grant in root if grant.command == "eval"})
    parts = ["ACL SETUSER", user, "reset", "on", password, "resetchannels", f"&{_literal(channel)}"]
    parts += [f"~{pattern}" for pattern in patterns]
    parts += ["+@connection", "-@dangerous", "-client|tracking", *sorted({f"+{grant.command}" for grant in root})]
    return " ".join([*parts, *_selectors(granted - root)])


def _is_of_root(grant: Grant, channel: str) -> bool:
    return grant.command in {"eval", "evalsha"} or grant.key in {"", _literal(channel)}


def _selectors(granted: frozenset[Grant]) -> Iterator[str]:
    """Yield what may be done to keys: commands for the same keys together, and no command twice."""
    keys_of_command = defaultdict(set)
    for grant in granted:
        keys_of_command[grant.command].add(grant.key)
    commands_of_keys = defaultdict(list)
    for command, keys in sorted(keys_of_command.items()):
        commands_of_keys[tuple(sorted(keys))].append(command)
    for names, commands in sorted(commands_of_keys.items()):
        yield f"({' '.join([*(f'~{name}' for name in names), *(f'+{command}' for command in commands)])})"


def _literal(name: str) -> str:
    """Return the pattern of just this name."""
    return "".join(f"\\{char}" if char in "*?[]\\" else char for char in name)
