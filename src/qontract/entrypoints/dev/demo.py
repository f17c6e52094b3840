"""`qontract demo`: the main job, end to end, on this machine."""

import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
from rich.console import Console
from rich.text import Text

from qontract.domain.health_findings import count_of
from qontract.entrypoints.client import ClientError, reconcile
from qontract.entrypoints.client.desired_files import read_desired
from qontract.entrypoints.client.report import indented, show
from qontract.entrypoints.client.review import review
from qontract.entrypoints.client.yaml_documents import FileError
from qontract.entrypoints.dev.output import harmless
from qontract.entrypoints.dev.processes import StackError
from qontract.entrypoints.dev.stack import Stack, running_stack
from qontract.entrypoints.sandboxes import load_sandbox
from qontract.entrypoints.settings import load_settings
from qontract.entrypoints.tokens import issue_token

_EVENTS_SECONDS = 30
_JOB_SECONDS = 1800
_DYING_SECONDS = 0.5
_MAX_EVENTS = 200
_LAST_LINES = 15
_LOG_COLUMNS = 200

_Key = tuple[str | None, str | None]


def run(integration: str, desired: Path | None, state: Path | None, *, keep_logs: bool = False) -> None:
    """Plan, apply, show each event as the subscriber got it, and plan again, all of it against the sandbox.

    Without files, these are the sandbox's examples. What the processes say is in a file, which stays if `keep_logs`,
    or if anything is not as it should be. Raises SandboxError, and StackError in that case.
    """
    console = Console(highlight=False, markup=False, emoji=False)
    sandbox = load_sandbox(integration)
    file = desired or sandbox.desired
    request = _request(file)
    with tempfile.TemporaryDirectory(prefix="qontract-demo-") as directory, _logs(console, keep=keep_logs) as logs:
        audit_file = Path(directory) / "audit.jsonl"
        _say(console, f"Starting Valkey, a sandbox of {integration}, API, worker and subscriber")
        began = time.monotonic()
        begins = {integration: (sandbox, state or sandbox.state)}
        with running_stack(begins, Path(directory) / "valkey", logs, audit_file=str(audit_file)) as stack:
            _list(console, [f"All are ready after {time.monotonic() - began:.1f} s."])
            demo = _Demo(console, stack, integration, file, f"{stack.urls[integration]}{sandbox.calls}", audit_file)
            demo.run(request)
    _say(console, "Done; everything is stopped")
    _list(console, ["Next: make dev, which runs all of it until Ctrl-C."])


@contextmanager
def _logs(console: Console, *, keep: bool) -> Iterator[Console]:
    """Give what the processes log to. Say where that is if `keep`, or with its end if the body fails."""
    descriptor, name = tempfile.mkstemp(prefix="qontract-demo-", suffix=".log")
    file = Path(name)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace", buffering=1) as written:
        try:
            yield Console(file=written, width=_LOG_COLUMNS, highlight=False, markup=False, emoji=False)
        except StackError:
            keep = True
            _say(console, "The last lines of the processes")
            _list(console, file.read_text(encoding="utf-8").splitlines()[-_LAST_LINES:])
            raise
        finally:
            if keep:
                _say(console, "What the processes logged is in")
                console.print(f"  {file}", soft_wrap=True)
            else:
                file.unlink()


def _request(file: Path) -> dict[str, Any]:
    try:
        return read_desired([file]).value
    except FileError as error:
        raise StackError(str(error)) from None


@dataclass
class _Demo:
    console: Console
    stack: Stack
    integration: str
    file: Path
    calls_url: str
    audit_file: Path

    def run(self, request: dict[str, Any]) -> None:
        planned = self._reconcile(request, apply=False)
        calls = [0, self._calls()]
        _say(self.console, "The plan: what differs from the desired state (nothing is changed yet)")
        by_digest = f"qontract reconcile {self.integration} {self.file} --apply --accept-plan {planned['plan_digest']}"
        show(planned, self.console, accept=by_digest)
        accepted = {}
        if planned["status"] == "blocked":
            accepted = {"accept_plan": planned["plan_digest"]}
            _say(self.console, "That is done now: the plan is accepted by its digest")

        applied = self._reconcile(request | accepted, apply=True)
        calls.append(self._calls())
        done = applied["applied_actions"]
        _say(self.console, "The changes: the plan, applied")
        _list(
            self.console,
            [f"{review(applied, apply=True).summary or 'nothing'}; {count_of(len(applied['errors']), 'error')}"],
        )
        _list(self.console, applied["errors"])

        events = self._events(Counter(_key(action) for action in done))
        _say(self.console, f"{count_of(len(events), 'event')}: what the subscriber got")
        _list(self.console, map(_event_line, events[:_MAX_EVENTS]))
        if len(events) > _MAX_EVENTS:
            _list(self.console, [f"… and {len(events) - _MAX_EVENTS} more"])

        again = self._reconcile(request, apply=True)
        calls.append(self._calls())
        _say(self.console, f"A second run plans {count_of(len(again['actions']), 'action')}")
        _list(self.console, again["errors"])
        to_plan, to_apply, to_plan_again = (after - before for before, after in pairwise(calls))
        parts = f"{to_plan} to plan, {to_apply} to plan and apply, {to_plan_again} to plan again"
        _say(self.console, f"The sandbox got {calls[-1]} calls: {parts}")
        if again["actions"]:
            raise StackError("the second run is not empty")
        if applied["errors"] or again["errors"]:
            raise StackError("not all is as desired; the errors are above")

    def _reconcile(self, request: dict[str, Any], *, apply: bool) -> dict[str, Any]:
        """Return the result of the request. Raises StackError."""
        auth, lifetime = load_settings().auth, timedelta(seconds=2 * _JOB_SECONDS)
        scopes = ("reconcile:plan", "reconcile:apply")
        secret = self.stack.secret
        token = issue_token(secret, "demo", scopes, lifetime, audience=auth.audience, issuer=auth.issuer)
        answer: Future[dict[str, Any]] = Future()

        def ask() -> None:
            api = self.stack.urls["api"]
            try:
                result = reconcile(api, token, self.integration, request, apply=apply, deadline_seconds=_JOB_SECONDS)
            except Exception as error:  # noqa: BLE001 - it is raised in the other thread
                answer.set_exception(error)
            else:
                answer.set_result(result)

        Thread(target=ask, daemon=True).start()
        while True:
            self.stack.check()  # nobody answers who has ended
            try:
                return answer.result(timeout=0.2)
            except TimeoutError:
                continue
            except ClientError as error:
                self.stack.check_for(_DYING_SECONDS)  # the API may be about to end, which is the reason then
                raise StackError(str(error)) from None

    def _calls(self) -> int:
        """Return how many calls the sandbox has got so far. Raises StackError."""
        try:
            return len(httpx.get(self.calls_url, timeout=10, trust_env=False).raise_for_status().json())
        except (httpx.HTTPError, ValueError, TypeError) as error:
            raise StackError(f"the sandbox does not say what was called: {type(error).__name__}: {error}") from None

    def _events(self, expected: Counter[_Key]) -> list[dict[str, Any]]:
        """Return what the audit log has when it has an event of each action; of failures there may be more."""
        until = time.monotonic() + _EVENTS_SECONDS
        while True:
            self.stack.check()
            lines = self.audit_file.read_text().splitlines() if self.audit_file.exists() else []
            events = [json.loads(line) for line in lines]
            missing = expected - Counter(
                _key({**(event["data"] or {}), "subject": event["subject"]}) for event in events
            )
            if not missing:
                return events
            if time.monotonic() > until:
                raise StackError(
                    f"{missing.total()} of {expected.total()} events are missing after {_EVENTS_SECONDS} s"
                )
            time.sleep(0.05)


def _key(action: Mapping[str, Any]) -> _Key:
    """Return what an action and its event have in common."""
    return action.get("action_type"), action.get("subject")


def _event_line(event: Mapping[str, Any]) -> str:
    """Return an event as a line for people: when, what, to what, and for whom."""
    what = str(event["type"]).removeprefix("qontract-api.")
    return f"{str(event['time'])[11:19]}  {what}  {event.get('subject', '')}  for {event.get('authid', 'nobody')}"


def _say(console: Console, text: str) -> None:
    console.print()
    indented(console, Text(f"▶ {harmless(text)}", style="bold blue"), 0)


def _list(console: Console, lines: Iterable[str]) -> None:
    for line in lines:
        indented(console, Text(harmless(line)), 2)
