"""Redis: whether it has the commands that a process needs, lets its user give them, and takes writes."""

import json
import re
from collections.abc import Sequence
from typing import Any

import redis

from qontract.adapters.redis.acl import OLDEST, AclUser, Grant, grants
from qontract.adapters.redis.connections import NoSentinelError, NotPrimaryError, client
from qontract.adapters.redis.keys import keys_of
from qontract.adapters.redis.lua_scripts import run_script_sync
from qontract.adapters.redis.write_durability import why_no_fsync
from qontract.adapters.unreadable_values import excerpt
from qontract.application.ports.server_check import ServerCheck, ServerState

_PROBED_MILLISECONDS = 10_000
_DESCRIPTIONS = 3
"""How many commands a line names."""
_UNWRITTEN = {"READONLY": "is a replica", "OOM": "is full"}


class RedisServerCheck(ServerCheck):
    """The server at `url`, for a process with these events. With `writes`, a key of ours is written as a trial.

    With `fsync`, it has to say what is on its disk. `timeout` bounds connecting and each answer, in seconds. Nothing is
    tried again.
    """

    def __init__(
        self,
        url: str,
        process: AclUser,
        *,
        channel: str,
        stream: str,
        writes: bool,
        fsync: bool = False,
        timeout: float = 2.0,
    ) -> None:
        self._process = process
        self._fsync = fsync
        self._ready = keys_of(channel).ready
        self._milliseconds = _PROBED_MILLISECONDS if writes else 0
        self._grants = sorted(grants(process, channel=channel, stream=stream))
        self._commands = json.dumps([_command(grant) for grant in self._grants])
        self._redis = client(url, timeout=timeout)

    def state(self) -> ServerState:
        """Ask in one script, which checks each command for its user and gives none but the trial.

        After a replica has answered, the next time asks on a new connection.
        """
        try:
            answer = run_script_sync(
                self._redis.execute_command, "check_commands", [self._ready], self._milliseconds, self._commands
            )
        except (redis.RedisError, OSError) as error:
            return self._failed(error)
        if answer != b"old" and answer[2].startswith(
            (b"READONLY", b"-READONLY")
        ):  # the answer of a script: see connections.py
            self._redis.connection_pool.disconnect()
        state = self._read(answer)
        return self._with_fsync() if self._fsync and state == ServerState() else state

    def _with_fsync(self) -> ServerState:
        """Ask what is on the disk; waiting for it is for others."""
        ask: Any = self._redis.execute_command
        try:
            ask("WAITAOF", 1, 0, 1)
        except redis.exceptions.NoPermissionError:
            return ServerState(refused=f"the user of Redis may not WAITAOF{self._hint()}")
        except (redis.RedisError, OSError) as error:
            reason = why_no_fsync(error)
            return ServerState(refused=reason) if reason else ServerState(failing=_why_not_asked(error))
        return ServerState()

    def _failed(self, error: Exception) -> ServerState:
        match error:
            case redis.exceptions.NoPermissionError():
                return ServerState(refused=f"the user of Redis may not EVAL{self._hint()}")
            case redis.ResponseError() if "unknown command" in str(error).lower():
                return ServerState(refused=f"Redis has no EVAL: it has to be {OLDEST} or later")
            case redis.exceptions.MovedError():
                return ServerState(refused="Redis is a node of a cluster: for the events, write redis+cluster://")
        return ServerState(failing=_why_not_asked(error))

    def _read(self, answer: Any) -> ServerState:
        if answer == b"old":
            return ServerState(refused=f"Redis is too old: it has to be {OLDEST} or later")
        missing, refused, unwritten = answer
        if missing:
            commands = {_described(self._grants[number - 1]._replace(key="")) for number in missing}
            return ServerState(refused=f"Redis has no {_listed(sorted(commands))}: it has to be {OLDEST} or later")
        if refused:
            rights = [_described(self._grants[number - 1]) for number in refused]
            return ServerState(refused=f"the user of Redis may not {_listed(rights)}{self._hint()}")
        return ServerState(failing=_reason(unwritten.decode(errors="replace")))

    def _hint(self) -> str:
        return f"; `qontract acl {self._process}` prints what it needs"


def _listed(names: Sequence[str]) -> str:
    more = f", and {len(names) - _DESCRIPTIONS} more" if len(names) > _DESCRIPTIONS else ""
    return ", ".join(names[:_DESCRIPTIONS]) + more


def _why_not_asked(error: Exception) -> str:
    match error:
        case redis.AuthenticationError():
            return "Redis does not know the user, or the password is another"
        case redis.ResponseError() | NotPrimaryError():
            return f"Redis refuses: {excerpt(error)}"
        case NoSentinelError():
            return str(error)
    tls = re.search(r"CERTIFICATE_VERIFY_FAILED[^(\n]*", str(error))
    return f"Redis does not answer: {tls[0].strip()}" if tls else "Redis does not answer"


def _reason(error: str) -> str:
    """Return what a write was refused for, or ""."""
    code = error.partition(" ")[0].lstrip("-")
    if code in _UNWRITTEN:
        return f"Redis {_UNWRITTEN[code]}, and takes no writes"
    return f"Redis takes no writes: {excerpt(error)}" if error else ""


def _described(grant: Grant) -> str:
    name = grant.command.upper().replace("|", " ")
    return f"{name} on {_name(grant)}" if grant.key else name


def _name(grant: Grant) -> str:
    """Return a name that the pattern is for."""
    return re.sub(r"\\(.)", r"\1", grant.key)


def _command(grant: Grant) -> list[str]:
    """Return the command, as far as the server has to see it to know which keys it is for."""
    name, key = grant.command.upper(), _name(grant)
    match name:
        case "EVAL" | "EVALSHA":
            return [name, "", "1", key]
        case "RENAME":
            return [name, key, key]
        case "XREAD":
            return [name, "STREAMS", key, "0"]
        case "XREADGROUP":
            return [name, "GROUP", "group", "replica", "STREAMS", key, ">"]
        case "BRPOP":
            return [name, key, "0"]
    return [*name.split("|"), key] if key else [*name.split("|"), "x"]
