"""A process shows that it runs, every few seconds, for as long as it does."""

import logging
import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from socket import gethostname
from threading import Event, Thread

from qontract.application.inspection.status import spool_view
from qontract.application.ports.process_registry import ProcessRegistryError
from qontract.domain.processes import Process, ProcessKind
from qontract.entrypoints.container import Container

log = logging.getLogger(__name__)

_EVERY_SECONDS = 5.0
_END_SECONDS = 2.0
"""How long the end of the process may wait until it is shown."""
_MAX_PACKAGES, _MAX_LENGTH = 20, 300


def this_process(
    container: Container, kind: ProcessKind, installed: Iterable[str], refused: Mapping[str, str]
) -> Process:
    """Return what this process says of itself.

    `installed` are its integrations, or handlers; `refused`: what packages bring and it cannot use, with the reason.
    """
    return Process(
        kind,
        container.replica(),
        gethostname(),
        os.getpid(),
        version("qontract"),
        platform.python_version(),
        datetime.now(UTC),
        tuple(name[:_MAX_LENGTH] for name in sorted(installed)[:_MAX_PACKAGES]),
        {name[:_MAX_LENGTH]: reason[:_MAX_LENGTH] for name, reason in sorted(refused.items())[:_MAX_PACKAGES]},
    )


@contextmanager
def registered(container: Container, process: Process) -> Iterator[None]:
    """Show while the body runs that the process runs, and then that it has ended.

    It is done on a thread of its own; that Redis is away, full or hostile is logged, and holds up nothing.
    """
    ended = Event()
    thread = Thread(target=_show, args=(container, process, ended), name="process-registry", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(_END_SECONDS)


def deregister(container: Container, process: Process) -> None:
    """Show that the process has ended, if that can be done."""
    try:
        container.process_registry().withdraw(process)
    except Exception as error:  # noqa: BLE001 - it is at the end, and what it needs may have ended before
        log.debug("end of the process cannot be shown", extra={"error": str(error)})


def _show(container: Container, process: Process, ended: Event) -> None:
    process_registry, events = container.process_registry(), container.event_manager()
    path = str(container.settings().events.spool)
    failing = False
    while not ended.is_set():
        try:
            process_registry.show(replace(process, spool=spool_view(events, path)))
            failing = False
        except Exception as error:
            if not failing:
                unexpected = None if isinstance(error, ProcessRegistryError) else error
                extra = {"error": str(error)}
                log.warning("process cannot show that it runs; it is tried again", extra=extra, exc_info=unexpected)
            failing = True
        ended.wait(_EVERY_SECONDS)
    deregister(container, process)
