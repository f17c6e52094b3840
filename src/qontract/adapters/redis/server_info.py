"""Redis: what INFO says of the server."""

import re
from collections.abc import Mapping
from math import isfinite
from typing import Any

import redis

from qontract.adapters.redis.connections import client
from qontract.adapters.redis.keys import keys_of
from qontract.adapters.unreadable_values import excerpt
from qontract.application.ports.server_info import ServerInfo, ServerInfoError
from qontract.domain.server_address import server_address
from qontract.domain.server_health import ServerReplica, ServerView

_MAX_LENGTH = 100


class RedisServerInfo(ServerInfo):
    """Asks the server at `url`, in a cluster the node of `channel`; `timeout` bounds each answer, in seconds."""

    def __init__(self, url: str, *, channel: str = "main", timeout: float = 2.0) -> None:
        self._processes = keys_of(channel).processes
        self._address = str(server_address(url))
        self._redis = client(url, timeout=timeout)

    def read(self) -> ServerView:
        """Return what the server says of itself now."""
        try:
            step: Any = self._redis.pipeline(transaction=False)
            step.hget(self._processes, "")  # for the node of a cluster that has our keys: INFO names none
            step.info()
            step.time()
            _, info, now = step.execute(raise_on_error=False)
            if isinstance(info, redis.RedisError):
                raise info
        except (redis.RedisError, OSError) as error:
            text = excerpt(f"{type(error).__name__}: {error}")
            raise ServerInfoError(f"{self._address} refused or did not answer: {text}") from error
        view = server_view(info, self._address, now=now)
        if not view.primary:  # perhaps the name has moved since
            self._redis.connection_pool.disconnect()
        return view


def server_view(info: Mapping[str, Any], address: str, *, now: Any) -> ServerView:
    """Return what INFO says, as far as it can be read.

    `now` is the answer to TIME, which the server refuses while it reads its files. CONFIG is not asked: who may read it
    sees the server's passwords.
    """
    is_valkey = "valkey_version" in info
    compatible = _text(info.get("redis_version"))
    saved = _number(info.get("rdb_last_save_time"))
    has_saved = saved > 0 and info.get("rdb_saves") != 0  # before the first save it is the time of the start
    return ServerView(
        software="Valkey" if is_valkey else "Redis",
        version=_text(info["valkey_version"]) if is_valkey else compatible,
        compatible=tuple(map(int, re.findall(r"\d{1,9}", compatible)[:3])),
        address=address,
        primary=info.get("role", "master") == "master",
        replicas=tuple(_replica(one) for name, one in info.items() if re.fullmatch(r"slave\d+", name)),
        loading=bool(_number(info.get("loading"))),
        append_only=bool(_number(info.get("aof_enabled"))),
        append_only_works=info.get("aof_last_write_status", "ok") == "ok",
        saving_works=info.get("rdb_last_bgsave_status", "ok") == "ok",
        saved_seconds=max(0.0, now[0] - saved) if has_saved and isinstance(now, tuple) else None,
        eviction=_text(info.get("maxmemory_policy", "")),
        used_bytes=int(_number(info.get("used_memory"))),
        max_bytes=int(_number(info.get("maxmemory"))),
    )


def _replica(found: Any) -> ServerReplica:
    one = found if isinstance(found, dict) else {}
    address = f"{_text(one.get('ip', '?'))}:{_text(one.get('port', '?'))}"
    return ServerReplica(address, one.get("state") == "online", max(0.0, _number(one.get("lag"))))


def _number(found: Any) -> float:
    return float(found) if isinstance(found, int | float) and isfinite(found) else 0.0


def _text(found: Any) -> str:
    return excerpt(found)[:_MAX_LENGTH]
