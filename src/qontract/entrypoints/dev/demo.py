"""`qontract demo`: the main job, end to end, on this machine."""

import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from qontract.entrypoints.client import ClientError, reconcile
from qontract.entrypoints.dev.output import harmless
from qontract.entrypoints.dev.processes import StackError
from qontract.entrypoints.dev.stack import Stack, running_stack
from qontract.entrypoints.report import show
from qontract.entrypoints.sandboxes import load_sandbox
from qontract.entrypoints.settings import load_settings
from qontract.entrypoints.tokens import issue_token

_EVENTS_SECONDS = 30
_JOB_SECONDS = 1800

_Ask = Callable[..., dict[str, Any]]
_Key = tuple[str | None, str | None]


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
            calls = partial(_calls, f"{stack.urls[integration]}{sandbox.calls}")
            try:
                _demonstrate(console, request, _asking(stack, integration), calls, partial(_events, stack, audit_file))
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


def _asking(stack: Stack, integration: str) -> _Ask:
    """Return what reconciles a desired state."""
    auth, lifetime = load_settings().auth, timedelta(seconds=4 * _JOB_SECONDS)
    scopes = ("reconcile:plan", "reconcile:apply")
    token = issue_token(stack.secret, "demo", scopes, lifetime, audience=auth.audience, issuer=auth.issuer)
    return partial(reconcile, stack.urls["api"], token, integration, deadline_seconds=_JOB_SECONDS)


def _demonstrate(
    console: Console,
    request: dict[str, Any],
    ask: _Ask,
    calls_so_far: Callable[[], int],
    events_of: Callable[[Counter[_Key]], Sequence[Mapping[str, Any]]],
) -> None:
    planned = ask(request, apply=False)
    calls = [calls_so_far()]
    _say(console, "The plan (a dry run: nothing is changed)")
    show(planned, console)
    accepted = _accepted(console, planned)

    applied = ask(request | accepted, apply=True)
    calls.append(calls_so_far())
    _say(console, f"Applied {len(applied['applied_actions'])} actions, {len(applied['errors'])} errors")
    _list(console, applied["errors"])

    events = events_of(Counter(_key(action) for action in applied["applied_actions"]))
    _say(console, f"{len(events)} events, as the subscriber received them")
    _list(console, [f"{event['time']}  {event['type']}  {event.get('subject', '')}" for event in events])

    again = ask(request, apply=True)
    calls.append(calls_so_far())
    _say(console, f"A second run plans {len(again['actions'])} actions")
    to_plan, to_apply, to_plan_again = (after - before for before, after in pairwise([0, *calls]))
    said = f"{to_plan} to plan, {to_apply} to plan and apply, {to_plan_again} to plan again"
    _say(console, f"The sandbox got {calls[-1]} calls: {said}")
    if again["actions"]:
        raise StackError("the second run is not empty")


def _accepted(console: Console, planned: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a request needs to have the plan applied; show it, if a guard stopped the plan."""
    if planned["status"] != "blocked":
        return {}
    accepted = {"accept_plan": planned["plan_digest"]}
    _say(console, "A guard stopped the plan. A request with its digest accepts it, and this is what is done now:")
    _list(console, [json.dumps(accepted)])
    return accepted


def _calls(url: str) -> int:
    """Return how many calls the sandbox has got so far. Raises StackError."""
    try:
        return len(httpx.get(url, timeout=10, trust_env=False).raise_for_status().json())
    except (httpx.HTTPError, ValueError, TypeError) as error:
        raise StackError(f"the sandbox does not say what was called: {type(error).__name__}: {error}") from None


def _events(stack: Stack, audit_file: Path, expected: Counter[_Key]) -> list[dict[str, Any]]:
    """Return what the audit log has when it has an event of each action; of failures there may be more."""
    until = time.monotonic() + _EVENTS_SECONDS
    while True:
        stack.check()
        lines = audit_file.read_text().splitlines() if audit_file.exists() else []
        events = [json.loads(line) for line in lines]
        missing = expected - Counter(_key(event["data"] | {"subject": event.get("subject")}) for event in events)
        if not missing:
            return events
        if time.monotonic() > until:
            raise StackError(f"{missing.total()} of {expected.total()} events did not arrive in {_EVENTS_SECONDS} s")
        time.sleep(0.05)


def _key(action: Mapping[str, Any]) -> _Key:
    """Return what an action and its event have in common."""
    return action.get("action_type"), action.get("subject")


def _say(console: Console, text: str) -> None:
    console.print(f"\n▶ {harmless(text)}", style="bold blue", markup=False)


def _list(console: Console, lines: Iterable[str]) -> None:
    for line in lines:
        console.print(f"  {harmless(line)}", markup=False, soft_wrap=True)
