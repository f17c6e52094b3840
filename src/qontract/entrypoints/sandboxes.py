"""Sandboxes: stand-ins on this machine for the systems of integrations, for `qontract dev` and `qontract demo`.

A package names them in the entry-point group `qontract.sandboxes`: the integration's name, and a Sandbox.

    [project.entry-points."qontract.sandboxes"]
    github-teams = "my_package.sandbox:SANDBOX"
"""

import logging
import runpy
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from qontract.entrypoints import plugins

GROUP = "qontract.sandboxes"

log = logging.getLogger(__name__)


class SandboxError(Exception):
    """There is no such sandbox, or it cannot be used; the message says which and why."""


@dataclass(frozen=True)
class Sandbox:
    """How a sandbox is run, and how it is reached.

    `python -m MODULE --state FILE --port PORT` begins with what the file says, and serves HTTP on 127.0.0.1 until
    SIGTERM. When it is ready, `ready` answers with 200; `calls` answers with all calls so far, a list in JSON.

    `environment(url, state)` returns the settings that lead the integration to the sandbox at this URL, which has begun
    with this file: an address, tokens. It raises ValueError or OSError if the file is no such state. `state` and
    `desired` are files of an example: what the sandbox begins with, and a request that changes something of it.
    """

    module: str
    environment: Callable[[str, Path], Mapping[str, str]]
    state: Path
    desired: Path
    ready: str = "/sandbox/ready"
    calls: str = "/sandbox/calls"


@dataclass(frozen=True)
class Installed:
    """The sandboxes, by the names of their integrations; and what cannot be used, with the reason."""

    sandboxes: Mapping[str, Sandbox]
    refused: Mapping[str, str] = field(default_factory=dict)


def load_sandboxes() -> Installed:
    """Load every sandbox that is installed. A wrong one is refused, and stops no other."""
    refused: dict[str, str] = {}
    found: dict[str, Sandbox] = {}
    for name, entry in plugins.installed(GROUP, refused).items():
        try:
            found[name] = _checked(entry.load())
        except (Exception, SystemExit) as error:
            refused[name] = f"{plugins.package_of(entry)}: {entry.value}: {plugins.error_text(error)}"
            log.debug("sandbox refused for this error", exc_info=True)
    return Installed(found, refused)


def load_sandbox(integration: str) -> Sandbox:
    """Load the sandbox of an integration. Raises SandboxError."""
    installed = load_sandboxes()
    if integration in installed.sandboxes:
        return installed.sandboxes[integration]
    if integration in installed.refused:
        raise SandboxError(f"the sandbox of {integration} cannot be used: {installed.refused[integration]}")
    raise SandboxError(f"no sandbox of {integration!r} is installed; there is: {', '.join(installed.sandboxes)}")


def run(integration: str, state: Sequence[Path], port: int, more: Sequence[str]) -> None:
    """Run the sandbox of an integration in this process. Raises SandboxError."""
    sandbox = load_sandbox(integration)
    states = [argument for file in state or [sandbox.state] for argument in ("--state", str(file))]
    sys.argv = [f"qontract sandbox {integration}", *states, "--port", str(port), *more]
    runpy.run_module(sandbox.module, run_name="__main__", alter_sys=True)


def _checked(sandbox: object) -> Sandbox:
    if not isinstance(sandbox, Sandbox):
        raise ValueError("is no Sandbox of qontract.entrypoints.sandboxes")  # noqa: TRY004 - one line, as all the others
    return sandbox
