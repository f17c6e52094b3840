"""`qontract demo`: the main job, end to end, on this machine."""

import json
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from qontract.entrypoints.client import ClientError, reconcile
from qontract.entrypoints.dev.output import harmless
from qontract.entrypoints.dev.stack import Stack, StackError, running_stack
from qontract.entrypoints.report import show
from qontract.entrypoints.sandboxes import Sandbox, load_sandbox
from qontract.entrypoints.settings import load_settings
from qontract.entrypoints.tokens import issue_token

_EVENTS_SECONDS = 30
_JOB_SECONDS = 1800


def run(integration: str, desired: Path | None, state: Path | None) -> None:
    """Plan, apply, show each event as the subscriber got it, and plan again, all of it against the sandbox.

    Without files, these are the sandbox's examples. Raises SandboxError, and StackError if anything is not as it
    should be.
    """
    console = Console(highlight=False)
    sandbox = load_sandbox(integration)
    request = _request(desired or sandbox.desired)
    with tempfile.TemporaryDirectory(prefix="qontract-demo-") as directory:
        audit_file = Path(directory) / "audit.jsonl"
        _say(console, f"Starting an embedded Valkey, the sandbox of {integration}, the API, a worker and a subscriber")
        with running_stack(
            {integration: (sandbox, state or sandbox.state)},
            Path(directory) / "valkey",
            audit_file=str(audit_file),
            console=console,
        ) as stack:
            try:
                _Demo(console, stack, integration, sandbox, audit_file).run(request)
            except ClientError as error:
                stack.check()
                raise StackError(str(error)) from None
    _say(console, "Done; everything is stopped")


def _request(file: Path) -> dict[str, Any]:
    try:
        request = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise StackError(f"{file}: not JSON: {error}") from None
    if not isinstance(request, dict):
        raise StackError(f"{file}: no desired state, which is an object in JSON")
    return request


class _Demo:
    def __init__(self, console: Console, stack: Stack, integration: str, sandbox: Sandbox, audit_file: Path) -> None:
        auth = load_settings().auth
        scopes = ["reconcile:plan", "reconcile:apply"]
        lifetime = timedelta(seconds=4 * _JOB_SECONDS)
        self._token = issue_token(
            stack.secret, "demo", scopes, lifetime, audience=auth.audience, issuer=auth.issuer
        )
        self._console = console
        self._stack = stack
        self._integration = integration
        self._calls_url = f"{stack.urls[integration]}{sandbox.calls}"
        self._audit_file = audit_file

    def run(self, request: dict[str, Any]) -> None:
        planned = self._reconcile(request, apply=False)
        calls_to_plan = self._calls()
        _say(self._console, "The plan (a dry run: nothing is changed)")
        show(planned, self._console)
        if planned["status"] == "blocked":
            digest = planned["plan_digest"]
            _say(self._console, "A guard stopped the plan; it is accepted by its digest, in the request:")
            self._console.print(f'  "accept_plan": "{digest}"', markup=False, soft_wrap=True)
            request |= {"accept_plan": digest}

        applied = self._reconcile(request, apply=True)
        calls_to_apply = self._calls() - calls_to_plan
        done, errors = applied["applied_actions"], applied["errors"]
        _say(self._console, f"Applied {len(done)} actions, {len(errors)} errors")
        self._print_each(errors)

        events = self._events(Counter(_key(action) for action in done))
        _say(self._console, f"{len(events)} events, as the subscriber received them")
        self._print_each(f"{event['time']}  {event['type']}  {event.get('subject', '')}" for event in events)
'''
