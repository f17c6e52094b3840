"""Everything on this machine, until Ctrl-C."""

import os
import shlex
import shutil
import sys
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from rich.console import Console

from qontract.entrypoints import integrations, plugins
from qontract.entrypoints.dev.output import harmless
from qontract.entrypoints.dev.processes import StackError
from qontract.entrypoints.dev.stack import WITHOUT_PROXY, Stack, running_stack, write_private
from qontract.entrypoints.sandboxes import Sandbox, load_sandboxes
from qontract.entrypoints.settings import load_settings
from qontract.entrypoints.tokens import issue_token

_SCOPES = ("reconcile:plan", "reconcile:apply", "events:read", "events:admin")


def run(states: Mapping[str, Path], data: Path, first_port: int) -> None:
    """Start everything on ports in a row, say how to use it, and wait until a process ends or is interrupted.

    `states`: the file that the sandbox of an integration begins with, if it is not its example. A sandbox that cannot
    be used is named. Raises StackError.
    """
    console = Console(highlight=False, markup=False, emoji=False)

    def say(problem: str) -> None:
        console.print(harmless(f"qontract: {problem}"), style="bold red", soft_wrap=True)

    installed = load_sandboxes()
    if unknown := states.keys() - installed.sandboxes.keys():
        raise StackError(f"no sandbox of {', '.join(sorted(unknown))} is installed")
    for name, reason in installed.refused.items():
        say(f"the sandbox of {name} cannot be used: {reason}")
    sandboxes = {
        name: (sandbox, states.get(name, sandbox.state)) for name, sandbox in sorted(installed.sandboxes.items())
    }
    with running_stack(sandboxes, data, console, keep=True, first_port=first_port, lost=say) as stack:
        environment = data / "env"
        write_private(environment, _environment(stack))
        console.print(_how_to_use(stack, installed.sandboxes, environment), soft_wrap=True)
        while True:
            stack.check()
            time.sleep(0.5)


def _environment(stack: Stack) -> str:
    """Return what another terminal has to know, for a shell to read."""
    auth = load_settings().auth
    token = issue_token(stack.secret, "dev", _SCOPES, timedelta(days=1), audience=auth.audience, issuer=auth.issuer)
    settings = {
        "QAPI_TOKEN": token,
        "QAPI_API_URL": stack.urls["api"],
        "QAPI_CACHE_BROKER_URL": stack.redis_url,
        "QAPI_AUTH__SECRET": stack.secret,
        "QAPI_EVENTS__SPOOL": str(stack.spool),
        **{name: os.environ[name] for name in WITHOUT_PROXY},
    }
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in settings.items())


def _how_to_use(stack: Stack, sandboxes: Mapping[str, Sandbox], environment: Path) -> str:
    urls = stack.urls
    places = {
        "API": f"{urls['api']}/docs",
        "events": f"{urls['subscriber']}/docs/asyncapi",
        "worker": f"{urls['worker']}/metrics",
        "Redis": f"{stack.redis_url}, kept in {environment.parent}",
        **{f"sandbox of {name}": urls[name] for name in sorted(stack.sandboxes)},
    }
    width = max(map(len, places))
    lines = ["", "Ready; Ctrl-C ends it.", *(f"  {name:<{width}}  {place}" for name, place in places.items())]
    dot = "" if environment.is_absolute() else "./"
    qontract = _command()
    lines += [
        "In another terminal:",
        f"  . {shlex.quote(dot + str(environment))}    # QAPI_TOKEN, QAPI_AUTH__SECRET, and where all is",
        f"  {qontract} token --subject ME --scope reconcile:plan",
    ]
    for name in sorted(plugins.installed_names(integrations.GROUP) | set(stack.sandboxes)):
        if name in stack.sandboxes:
            lines.append(f"  {qontract} reconcile {name} {_short(sandboxes[name].desired)} [--apply]")
        else:
            lines.append(f"  {name} has no sandbox here: it reaches what your settings say")
    return "\n".join([*lines, ""])


def _command() -> str:
    """Return how this command is called from here."""
    if shutil.which("qontract"):
        return "qontract"
    return shlex.quote(str(_short(Path(sys.executable).with_name("qontract"))))


def _short(path: Path) -> Path:
    """Return the path as it is from here, if it is inside."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
