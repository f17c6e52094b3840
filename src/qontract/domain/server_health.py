"""The server that stores events and jobs, Redis or Valkey: its state, and how well it is."""

from collections.abc import Iterator
from dataclasses import dataclass

from qontract.domain.health_findings import Finding, count_of, not_well, size
from qontract.domain.subscriptions import duration

OLDEST_VERSION = (7, 0)
"""The oldest version of Redis that works. Valkey says with which version it is compatible."""
KEEPS_EVERYTHING = "noeviction"
"""The maxmemory-policy that is needed."""
FULL_SHARE = 0.9
"""The share of its memory from which a server counts as full. When all is used, no event can be published."""
LAG_SECONDS = 60.0
"""How long a replica may be silent before it counts as behind."""


@dataclass(frozen=True)
class ServerReplica:
    """A replica of the server. `in_step`: it has all data, and gets new data; `lag_seconds`: how long it is silent."""

    address: str
    in_step: bool
    lag_seconds: float


@dataclass(frozen=True)
class ServerView:
    """The state of the server, as it reports it.

    - `compatible` is the version of Redis that it is, or is compatible with.
    - `primary`: it takes writes. `loading`: it still reads its files, and answers nothing else.
    - `append_only`: it writes each change to a file; `append_only_works`: the last write worked.
    - `saved_seconds`: how long ago it saved all data to a file, None: not since its start; `saving_works`: the last
      save worked.
    - `eviction` is its maxmemory-policy. `max_bytes` is its memory limit; 0 for none.
    """

    software: str
    version: str
    compatible: tuple[int, ...]
    address: str
    primary: bool = True
    replicas: tuple[ServerReplica, ...] = ()
    loading: bool = False
    append_only: bool = True
    append_only_works: bool = True
    saving_works: bool = True
    saved_seconds: float | None = None
    eviction: str = KEEPS_EVERYTHING
    used_bytes: int = 0
    max_bytes: int = 0


def findings_of_server(server: ServerView) -> Iterator[Finding]:
    """Yield the findings on the server, its disk, its memory and its replicas."""
    yield _itself(server)
    yield _disk(server)
    yield _memory(server)
    yield from _replicas(server)


def _itself(server: ServerView) -> Finding:
    about = f"{server.software} {server.version} at {server.address}"
    if server.loading:
        says = f"{about}; it still reads its files, and answers nothing else"
        return not_well("redis", says, brief="Redis still reads its files", next_step="wait, and ask again")
    if not server.primary:
        return not_well(
            "redis",
            f"{about}; it is a replica, and takes no writes",
            brief="Redis is a replica, and takes no writes",
            next_step="set QAPI_CACHE_BROKER_URL, or QAPI_EVENTS__URL if it is set, to its primary",
        )
    if server.compatible < OLDEST_VERSION:
        says = f"{about}; it is too old: Redis 7.0 or later is needed"
        return not_well("redis", says, brief="Redis is too old", next_step="run Redis 7.0 or later, or Valkey")
    return Finding("redis", about)


def _disk(server: ServerView) -> Finding:
    says = f"append-only file {'on' if server.append_only else 'off'}; {_saves(server)}"
    if server.append_only and not server.append_only_works:
        return not_well(
            "redis",
            f"{says}; its last write to the append-only file failed, and it may take no writes",
            name="disk",
            brief="Redis cannot write its file",
            next_step="look at the server's log, and at the room on its disk: df -h",
        )
    if not server.saving_works:
        return not_well(
            "redis",
            f"{says}; it may take no writes until one works",
            name="disk",
            brief="Redis cannot save",
            next_step="look at the server's log, and at the room on its disk; then redis-cli BGSAVE",
        )
    if server.append_only or any(replica.in_step for replica in server.replicas):
        return Finding("redis", says, name="disk")
    lost = "everything" if server.saved_seconds is None else "what came since"
    return not_well(
        "redis",
        f"{says}; no replica has it: a crash loses {lost}",
        name="disk",
        brief="Redis does not keep each change on disk",
        next_step="redis-cli CONFIG SET appendonly yes, and the same in its configuration",
    )


def _saves(server: ServerView) -> str:
    saved = "not saved since its start"
    if server.saved_seconds is not None:
        saved = f"last saved {duration(server.saved_seconds)} ago"
    return saved if server.saving_works else f"its last save failed; {saved}"


def _memory(server: ServerView) -> Finding:
    of = f" of {size(server.max_bytes)}" if server.max_bytes else ", no limit"
    says = f"{size(server.used_bytes)}{of}; {server.eviction or 'eviction not known'}"
    if server.eviction not in (KEEPS_EVERYTHING, ""):
        return not_well(
            "redis",
            f"{says}; when it is full it deletes jobs and events",
            name="memory",
            brief=f"Redis may evict events ({server.eviction})",
            next_step=f"redis-cli CONFIG SET maxmemory-policy {KEEPS_EVERYTHING}, and the same in its configuration",
        )
    if server.max_bytes and server.used_bytes >= FULL_SHARE * server.max_bytes:
        share = f"{100 * server.used_bytes / server.max_bytes:.0f} %"
        return not_well(
            "redis",
            f"{says}; it is {share} full, and when it is full it takes no events and no jobs",
            name="memory",
            brief=f"Redis is {share} full",
            next_step="give it more: redis-cli CONFIG SET maxmemory; or see below which subscription keeps events",
        )
    return Finding("redis", says, name="memory")


def _replicas(server: ServerView) -> Iterator[Finding]:
    if not server.replicas:
        return
    late = [one for one in server.replicas if not one.in_step or one.lag_seconds > LAG_SECONDS]
    if not late:
        lag = max(one.lag_seconds for one in server.replicas)
        says = f"{count_of(len(server.replicas), 'replica')} in step, {duration(lag)} behind at most"
        yield Finding("redis", says, name="replicas")
    for one in late:
        behind = f"has said nothing for {duration(one.lag_seconds)}" if one.in_step else "is not in step"
        yield not_well(
            "redis",
            f"the replica {one.address} {behind}",
            name="replicas",
            brief=f"a replica of Redis {behind}",
            next_step="look at the log of the replica, and at the network between the two",
        )
