"""`qontract demo`: the main job, end to end, on this machine."""

import json
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from qontract.entrypoints.client import ClientError, reconcile
from qontract.entrypoints.report import show
from qontract.entrypoints.settings import load_settings
from qontract.entrypoints.stack import Stack, StackError, running_stack
from qontract.entrypoints.tokens import issue_token

_EVENTS_SECONDS = 15


def run(desired: dict[str, Any], workspace: Path) -> None:
    """Plan, apply, show each event as the subscriber got it, and plan again.

    Raises StackError if anything is not as it should be.
    """
    console = Console(highlight=False)
    with tempfile.TemporaryDirectory(prefix="qontract-demo-") as directory:
        audit_file = Path(directory) / "audit.jsonl"
        _say(console, "Starting an embedded Valkey, the Slack sandbox, the API, a worker and a subscriber")
        with running_stack(workspace, Path(directory) / "valkey", audit_file=str(audit_file), console=console) as stack:
            try:
                _reconcile(console, stack, desired, audit_file)
            except ClientError as error:
                raise StackError(str(error)) from None
    _say(console, "Done; everything is stopped")


def _reconcile(console: Console, stack: Stack, desired: dict[str, Any], audit_file: Path) -> None:
    auth = load_settings().auth
    scopes = ["reconcile:plan", "reconcile:apply"]
    token = issue_token(stack.secret, "demo", scopes, timedelta(minutes=10), audience=auth.audience, issuer=auth.issuer)

    planned = reconcile(stack.api_url, token, desired, apply=False, deadline_seconds=60)
    _say(console, "The plan (a dry run: nothing is changed)")
    show(planned, console)

    applied = reconcile(stack.api_url, token, desired, apply=True, deadline_seconds=60)
    _say(console, f"Applied {len(applied['applied_actions'])} actions, {len(applied['errors'])} errors")

    events = _events(stack, audit_file, expected=len(applied["applied_actions"]))
    _say(console, f"{len(events)} events, as the subscriber received them")
    for event in events:
        line = f"  {event['time']}  [bold]{escape(event['type'])}[/]  {escape(event.get('subject', ''))}"
        console.print(line, soft_wrap=True)

    again = reconcile(stack.api_url, token, desired, apply=True, deadline_seconds=60)
    _say(console, f"A second run plans {len(again['actions'])} actions")
    if again["actions"]:
        raise StackError("the second run is not empty")


def _events(stack: Stack, audit_file: Path, *, expected: int) -> list[dict[str, Any]]:
    until = time.monotonic() + _EVENTS_SECONDS
    while True:
        stack.check()
        lines = audit_file.read_text().splitlines() if audit_file.exists() else []
        if len(lines) >= expected:
            return [json.loads(line) for line in lines]
        if time.monotonic() > until:
            raise StackError(f"{len(lines)} of {expected} events arrived within {_EVENTS_SECONDS} s")
        time.sleep(0.05)


def _say(console: Console, text: str) -> None:
    console.print(f"\n[bold blue]▶ {text}[/]")
