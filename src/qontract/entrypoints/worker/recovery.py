"""The recovery process of a worker, and the process that watches over it.

Both are forked: so they have the container that the worker was given. The first fork is made before the worker opens
anything or begins a thread, and the second by a process that never does: a fork would share SQLite's locks, and those
of whatever the threads are at.
"""

import logging
import os
import signal
from collections.abc import Callable
from functools import partial
from time import monotonic, sleep
from typing import TYPE_CHECKING, NoReturn

from qontract.domain.processes import Process, ProcessKind
from qontract.entrypoints.logs import configure_logs
from qontract.entrypoints.process_registration import deregister, registered, this_process

if TYPE_CHECKING:
    from qontract.entrypoints.container import Container

log = logging.getLogger(__name__)

_EVERY_SECONDS = 5
_FIRST_SECONDS = 1
"""Until the worker has begun, or ended for something that is wrong with it."""

_LOOK_SECONDS = 0.2
"""How often a process looks whether the one that it belongs to has ended."""


def start(container: "Container") -> None:
    """Recover beside this process, again and again until it has ended, and show meanwhile that it runs."""
    container.process_registry()  # it opens nothing; what makes its metrics is gone when the last process needs it
    made = container.integrations()
    refused = {name: reason for name, reason in made.refused.items() if name not in made.left_out}
    process = this_process(container, ProcessKind.WORKER, made.integrations, refused)
    _fork(partial(_watch, container, process))


def _watch(container: "Container", process: Process) -> None:
    """Have a process that recovers, and another one if it dies."""
    worker = process.pid
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # of a terminal, or to all: the worker ends in order
        signal.signal(number, signal.SIG_IGN)
    configure_logs(container.settings().log_level)
    go_on = _pause(worker, _FIRST_SECONDS)
    while go_on:
        child = _fork(partial(_recover, container, process, os.getpid()))
        ended = status = 0
        while not ended and os.getppid() == worker:
            sleep(_LOOK_SECONDS)
            ended, status = os.waitpid(child, os.WNOHANG)
        if not ended:
            os.kill(child, signal.SIGKILL)  # it may be killed at any time: nothing is lost by it
        if go_on := _pause(worker, _EVERY_SECONDS):
            code = os.waitstatus_to_exitcode(status)
            log.error("recovery process ended; it is started again", extra={"exit_code": code})
    deregister(container, process)  # it opens a connection, and forks no more


def _recover(container: "Container", process: Process, watcher: int) -> None:
    recover = container.recovery()
    with registered(container, process):
        while os.getppid() == watcher:
            failure = None
            try:
                recover()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
                failure = error
            if _pause(watcher, _EVERY_SECONDS) and failure:  # at the end it may fail for what ended before
                log.error("recovery failed; it is tried again", exc_info=failure)


def _pause(parent: int, seconds: float) -> bool:
    """Wait so long, and say whether the parent process is still there."""
    until = monotonic() + seconds
    while os.getppid() == parent and monotonic() < until:
        sleep(_LOOK_SECONDS)
    return os.getppid() == parent


def _fork(work: Callable[[], None]) -> int:
    """Do the work in a child, and return that; the child never returns, nor runs what its parent does at its exit."""
    return os.fork() or _end_after(work)


def _end_after(work: Callable[[], None]) -> NoReturn:
    code = 1
    try:
        work()
        code = 0
    except BaseException:
        log.exception("recovery process broke off")
    finally:
        os._exit(code)
