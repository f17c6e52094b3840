"""`qontract dev`: everything on this machine, until Ctrl-C."""

import time
from datetime import timedelta
from pathlib import Path

from rich.console import Console

from qontract.entrypoints.settings import load_settings
from qontract.entrypoints.stack import running_stack
from qontract.entrypoints.tokens import issue_token


def run(workspace: Path, data: Path, first_port: int) -> None:
    """Start everything on four ports in a row, say how to use it, and wait until a process ends or is interrupted."""
    console = Console(highlight=False)
    auth = load_settings().auth
    ports = (first_port, first_port + 1, first_port + 2, first_port + 3)
    with running_stack(workspace, data, keep=True, ports=ports, console=console) as stack:
        scopes = ["reconcile:plan", "reconcile:apply", "events:read", "events:admin"]
        token = issue_token(stack.secret, "dev", scopes, timedelta(days=1), audience=auth.audience, issuer=auth.issuer)
        elsewhere = "" if first_port == 8080 else f" --api-url {stack.api_url}"  # noqa: PLR2004 - the usual one
        console.print(
            f"\n[bold]Ready.[/] API {stack.api_url}/docs, events {stack.subscriber_url}/docs/asyncapi\n"
            f"  export QAPI_TOKEN={token}\n"
            f"  qontract reconcile FILE [--apply]{elsewhere}\n",
            soft_wrap=True,
        )
        while True:
            stack.check()
            time.sleep(0.5)
