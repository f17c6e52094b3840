"""Users of a Redis with the rights of their processes, and what they do with them."""

from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from threading import Event, Thread
from typing import Any
from urllib.parse import urlsplit

import redis

from qontract.adapters.redis.acl import AclUser, Grant, rule

CHANNEL, STREAM = "main", "qontract:{main}:events"


def url_of(process: AclUser, url: str, stream: str = STREAM) -> str:
    """Make the user of a process, and return the URL with which it connects."""
    command = rule(process, channel=CHANNEL, stream=stream, user=process, password=f">for-{process}")
    with redis.Redis.from_url(url) as admin:
        admin.execute_command(*command.split())
    return urlsplit(url)._replace(netloc=f"{process}:for-{process}@{urlsplit(url).netloc}").geturl()


def refused(url: str) -> list[str]:
    """Return what the server has refused to users of processes since it was last asked."""
    with redis.Redis.from_url(url, decode_responses=True) as admin:
        log: Any = admin.acl_log()
        admin.acl_log_reset()
    return [f"{one['username']}: {one['context']}: {one['object']}" for one in log if one["username"] != "default"]


def admin_url(admin: Any) -> str:
    """Return the URL of this client, whose user may do all."""
    where = admin.connection_pool.connection_kwargs
    return f"redis://{where['host']}:{where['port']}/0"


class Seen:
    """The commands that a server was given: each in lower case, its arguments, and who gave it."""

    def __init__(self) -> None:
        self.commands: list[tuple[str, ...]] = []

    def grants(self, granted: frozenset[Grant]) -> set[Grant]:
        """Return those grants that one of the commands needed."""
        return {grant for grant in granted if any(_needs(command, grant) for command in self.commands)}


@contextmanager
def watching(admin: Any) -> Iterator[Seen]:
    """Note down all that the server is given while the body runs, by scripts too; but not by this connection."""
    seen, began, end = Seen(), Event(), "the-end-of-watching"
    about = admin.client_info()

    def watch() -> None:
        client: Any = redis.Redis.from_url(admin_url(admin), socket_timeout=None)
        with client.monitor() as monitor:
            began.set()
            for line in monitor.listen():
                words = line["command"].split(" ")
                if words[-1] == end:
                    return
                if f"{line['client_address']}:{line['client_port']}" != about["addr"]:
                    seen.commands.append((words[0].lower(), *words[1:]))

    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    assert began.wait(10)
    try:
        yield seen
    finally:
        admin.execute_command("ECHO", end)
        watcher.join(10)


def _needs(command: tuple[str, ...], grant: Grant) -> bool:
    name, *arguments = command
    wanted, _, part = grant.command.partition("|")
    if name != wanted or (part and arguments[0].lower() != part):
        return False
    pattern = grant.key.replace("[", "[[]")
    return not grant.key or any(fnmatchcase(argument, pattern) for argument in arguments)
