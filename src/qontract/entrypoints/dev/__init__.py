"""`qontract dev`: everything on this machine, until Ctrl-C."""

import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from rich.console import Console

from qontract.entrypoints import integrations, packages
from qontract.entrypoints.dev.output import harmless
from qontract.entrypoints.dev.processes import StackError
from qontract.entrypoints.dev.stack import Stack, running_stack
from qontract.entrypoints.sandboxes import Sandbox, load_sandboxes
from qontract.entrypoints.settings import load_settings
from qontract.entrypoints.tokens import issue_token

_SCOPES = ("reconcile:plan", "reconcile:apply", "events:read", "events:admin")
_USUAL_API = "http://127.0.0.1:8080"


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
        console.print(_how_to_use(stack, installed.sandboxes), soft_wrap=True)
        while True:
            stack.check()
            time.sleep(0.5)


def _how_to_use(stack: Stack, sandboxes: Mapping[str, Sandbox]) -> str:
    auth = load_settings().auth
    token = issue_token(stack.secret, "dev", _SCOPES, timedelta(days=1), audience=auth.audience, issuer=auth.issuer)
    api = stack.urls["api"]
    lines = [
        "",
        f"Ready. API {api}/docs, events {stack.urls['subscriber']}/docs/asyncapi",
        f"  export QAPI_TOKEN={token}",
        f"  export QAPI_CACHE_BROKER_URL={stack.redis_url}",
        *([] if api == _USUAL_API else [f"  export QAPI_API_URL={api}"]),
    ]
    for name in sorted(packages.names(integrations.GROUP) | set(stack.sandboxes)):
        if name in stack.sandboxes:
            lines.append(f"  qontract reconcile {name} {sandboxes[name].desired} [--apply]    # {stack.urls[name]}")
        else:
            lines.append(f"  {name} has no sandbox here: it reaches what your settings say")
    return "\n".join([*lines, ""])
