"""What the user of one process may not do: what is none of its business, in a script as by itself."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import redis

from qontract.adapters.redis.acl import AclUser, rule
from tests.support.acl import CHANNEL, STREAM, url_of

PREFIX = "qontract:{main}:"
ADMINISTRATION = [
    *(
        "ACL LIST",
        "ACL SETUSER me +@all",
        "BGSAVE",
        "CLIENT KILL TYPE normal",
        "CLIENT TRACKING ON BCAST",
        "CLIENT LIST",
        "CONFIG GET *",
    ),
    *("CONFIG SET maxmemory 1", "FLUSHALL", "FLUSHDB", "KEYS *", "MODULE LIST", "MONITOR"),
    *("REPLICAOF NO ONE", "SCAN 0", "SCRIPT FLUSH", "SHUTDOWN NOSAVE", "FUNCTION FLUSH", "SWAPDB 0 1"),
]
OF_OTHERS = [
    *("GET other", "SET other 1", "DEL other", "PUBLISH other 1", "SUBSCRIBE other", "XADD other * a b"),
    *("SET qontract:{else}:lock:a 1", "XADD qontract:{else}:events * a b"),
]
STREAM_IS_KEPT = [
    *(f"DEL {STREAM}", f"UNLINK {STREAM}", f"EXPIRE {STREAM} 1", f"RENAME {STREAM} {PREFIX}dead", f"SET {STREAM} 1"),
    *(f"XDEL {STREAM} 1-1", f"XSETID {STREAM} 9-9", f"RENAME {PREFIX}dead {STREAM}", f"RESTORE {STREAM} 0 x"),
]
NOT_TRIMMED = [f"XTRIM {STREAM} MAXLEN 0"]
JOBS = [f"HGETALL {PREFIX}job:1", f"HGET {PREFIX}job:1 job", f"HSET {PREFIX}job:1 job x", f"ZADD {PREFIX}jobs 1 x"]
MESSAGES = [
    *(f"SET {PREFIX}lock:a me", f"LPUSH {PREFIX}celery:jobs x", f"LRANGE {PREFIX}celery:jobs 0 -1"),
    *(f"HVALS {PREFIX}celery:unacked", f"INCR {PREFIX}job-number"),
]
RUN_BY_OTHERS = [f"BRPOP {PREFIX}celery:jobs 1", f"SET {PREFIX}lock:a me", f"HDEL {PREFIX}celery:unacked tag"]
INTENTS = [f"HSET {PREFIX}intents x y", f"DEL {PREFIX}intents"]
FORGED_LETTERS = [f"XADD {PREFIX}dead * a b", f"DEL {PREFIX}dead", f"DEL {PREFIX}redrives"]
LETTERS = [*FORGED_LETTERS, f"XRANGE {PREFIX}dead - +", f"XDEL {PREFIX}dead 1-1"]
HANDLED_BY_OTHERS = [
    *(f"XREADGROUP GROUP g c STREAMS {STREAM} >", f"XACK {STREAM} g 1-1", f"XGROUP SETID {STREAM} g 0"),
    *(f"SET {PREFIX}lease:s me", f"HSET {PREFIX}records:s 1-1 x", f"SET {PREFIX}handled:s:1 x"),
]
CONTROLLED_BY_OTHERS = [f"XGROUP DESTROY {STREAM} g", f"HSETNX {PREFIX}paused s x", f"DEL {PREFIX}records:s"]

REFUSED: dict[AclUser, Sequence[Sequence[str]]] = {
    AclUser.API: (RUN_BY_OTHERS, INTENTS, FORGED_LETTERS, HANDLED_BY_OTHERS, NOT_TRIMMED),
    AclUser.WORKER: (LETTERS, HANDLED_BY_OTHERS, CONTROLLED_BY_OTHERS, NOT_TRIMMED, [f"XRANGE {STREAM} - +"]),
    AclUser.SUBSCRIBER: (
        JOBS,
        MESSAGES,
        INTENTS,
        CONTROLLED_BY_OTHERS,
        [f"XRANGE {PREFIX}dead - +", f"XREVRANGE {STREAM} + -"],
    ),
    AclUser.OPERATOR: (MESSAGES, INTENTS, HANDLED_BY_OTHERS, NOT_TRIMMED),
}
BY_ITSELF_ONLY = {"MONITOR", "SUBSCRIBE"}
"""What no script may do, whoever runs it."""


@pytest.fixture(params=list(AclUser))
def process(request: pytest.FixtureRequest) -> AclUser:
    return AclUser(request.param)


@pytest.fixture
def user(valkey_url: str, process: AclUser) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(url_of(process, valkey_url)) as client:
        yield client


def allowed(user: Any, commands: Sequence[str]) -> list[str]:
    """Return those that the server does not refuse for the rights of the user."""
    found = []
    for command in commands:
        try:
            user.execute_command(*command.split())
        except redis.exceptions.NoPermissionError:
            continue
        except redis.ResponseError as error:
            found.append(f"{command}: {error}")
        else:
            found.append(command)
    return found


def test_it_may_do_nothing_that_is_none_of_its_business(user: redis.Redis, process: AclUser) -> None:
    commands = [*ADMINISTRATION, *OF_OTHERS, *STREAM_IS_KEPT, *(one for some in REFUSED[process] for one in some)]
    assert allowed(user, commands) == []


def test_its_scripts_may_do_nothing_more_than_it_may_itself(user: Any, process: AclUser) -> None:
    script = "local answer = redis.pcall(unpack(ARGV)) return type(answer) == 'table' and answer.err or 'done'"
    commands = [*OF_OTHERS, *STREAM_IS_KEPT, *(one for some in REFUSED[process] for one in some)]
    answers = {
        command: bytes(user.eval(script, 0, *command.split()))
        for command in [*commands, "FLUSHALL", "KEYS *"]
        if command.split()[0] not in BY_ITSELF_ONLY
    }
    assert [command for command, answer in answers.items() if b"NOPERM" not in answer and b"ACL" not in answer] == []


def test_a_script_gets_no_key_that_is_not_ours(user: redis.Redis) -> None:
    with pytest.raises(redis.exceptions.NoPermissionError):
        user.eval("return 1", 1, "other")


def test_a_rule_with_its_placeholder_makes_no_user(valkey_url: str, process: AclUser) -> None:
    command = rule(process, channel=CHANNEL, stream=STREAM, user="nobody")
    client: Any = redis.Redis.from_url(valkey_url)
    with client as admin, pytest.raises(redis.ResponseError, match="hash"):
        admin.execute_command(*command.split())
