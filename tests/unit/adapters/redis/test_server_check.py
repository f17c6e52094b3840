"""What the errors of a server become: a line that says what to do, without a secret."""

import pytest
import redis
from redis.exceptions import AuthenticationError, BusyLoadingError, NoPermissionError, ResponseError

from qontract.adapters.redis import RedisServerCheck
from qontract.adapters.redis.acl import AclUser
from qontract.application.ports.server_check import ServerState


def refused(text: str) -> ServerState:
    return ServerState(refused=text)


def failing(text: str) -> ServerState:
    return ServerState(failing=text)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"old", refused("Redis is too old: it has to be 7.0 or later")),
        (ResponseError("unknown command 'EVAL', with args"), refused("Redis has no EVAL: it has to be 7.0 or later")),
        (ResponseError("CLUSTERDOWN The cluster is"), failing("Redis refuses: CLUSTERDOWN The cluster is")),
        (BusyLoadingError("loading"), failing("Redis does not answer")),
        (redis.TimeoutError("hush"), failing("Redis does not answer")),
        (OSError("hush"), failing("Redis does not answer")),
        (AuthenticationError("hush"), failing("Redis does not know the user, or the password is another")),
        (NoPermissionError("hush"), refused("the user of Redis may not EVAL; `qontract acl api` prints what it needs")),
        ([[], [], b""], ServerState()),
        ([[], [], b"MISCONF Errors writing"], failing("Redis takes no writes: MISCONF Errors writing")),
        ([[], [], b"-READONLY You can't write"], failing("Redis is a replica, and takes no writes")),
        ([[], [], b"OOM command not allowed"], failing("Redis is full, and takes no writes")),
        ([[1], [2], b""], refused("Redis has no DEL: it has to be 7.0 or later")),
    ],
    ids=lambda value: str(value)[:40],
)
def test_an_answer_becomes_a_line(answer: object, said: ServerState, monkeypatch: pytest.MonkeyPatch) -> None:
    def execute(*_: object) -> object:
        if isinstance(answer, Exception):
            raise answer
        return answer

    server = RedisServerCheck("redis://x/0", AclUser.API, channel="main", stream="s", writes=True)
    monkeypatch.setattr(server._redis, "execute_command", execute)
    assert server.state() == said


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ([0, 0], ServerState()),
        (
            ResponseError("WAITAOF cannot be used when numlocal is set but appendonly is disabled."),
            refused("Redis has no append-only file: QAPI_EVENTS__FSYNC needs `appendonly yes` there"),
        ),
        (
            ResponseError("unknown command 'WAITAOF', with args beginning with: '1'"),
            refused("Redis has no WAITAOF: for QAPI_EVENTS__FSYNC it has to be 7.2 or later"),
        ),
        (
            NoPermissionError("hush"),
            refused("the user of Redis may not WAITAOF; `qontract acl api` prints what it needs"),
        ),
        (redis.TimeoutError("hush"), failing("Redis does not answer")),
        (ResponseError("WAITAOF cannot be used"), failing("Redis refuses: WAITAOF cannot be used")),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_the_server_says_of_its_disk_becomes_a_line(
    answer: object, said: ServerState, monkeypatch: pytest.MonkeyPatch
) -> None:
    def execute(name: str, *_: object) -> object:
        if name != "WAITAOF":
            return [[], [], b""]
        if isinstance(answer, Exception):
            raise answer
        return answer

    server = RedisServerCheck("redis://x/0", AclUser.API, channel="main", stream="s", writes=False, fsync=True)
    monkeypatch.setattr(server._redis, "execute_command", execute)
    assert server.state() == said
