"""`qontract reconcile`: a desired state is sent, its plan is shown, and applied if somebody wants it."""

import json
import shlex
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, NoReturn

import typer
from rich.console import Console

from qontract.entrypoints import client, integrations
from qontract.entrypoints.client import report
from qontract.entrypoints.client.desired_files import Desired, read_desired
from qontract.entrypoints.client.markdown import markdown
from qontract.entrypoints.client.review import one_line
from qontract.entrypoints.client.review import planned as count_of_planned
from qontract.entrypoints.client.yaml_documents import FileError

_SAY_SECONDS = 15
"""How often it is said that nothing has changed, where there is no terminal."""
_MAX_SUBMISSIONS = 3
"""How often one request is made, where its job is forgotten each time."""
_CHANGES, _BLOCKED, _INTERRUPTED = 2, 3, 130
"""Exit codes. The first is also that of a command line that cannot be followed, as everywhere."""


@dataclass(frozen=True)
class ReconcileOptions:
    """What the command line asks for. `command` is what to type for the same again, without what it is to do."""

    integration: str
    files: Sequence[Path]
    api_url: str
    token: str
    command: Sequence[str]
    apply: bool = False
    yes: bool = False
    no_wait: bool = False
    reason: str | None = None
    accept_plan: str | None = None
    as_json: bool = False
    detailed_exitcode: bool = False
    out: Path | None = None


def run(asked: ReconcileOptions) -> int:
    """Do it, and return the exit code. Raises SystemExit, with a line, if it cannot be done."""
    notes = _console(stderr=True)
    screen = notes if asked.as_json else _console(stderr=False)
    asking = asked.apply and not asked.yes
    if asking and not _on_a_terminal():
        _refuse("--apply asks before it changes anything, and this is no terminal: add --yes to have it done", _CHANGES)
    if asked.out and not asked.out.resolve().parent.is_dir():
        _refuse(f"--out {asked.out}: there is no such directory")
    desired = _desired(asked)
    if asking:
        return _after_asking(asked, desired, notes, screen)
    if asked.no_wait:
        return _without_waiting(asked, desired, notes)
    return _ended(asked, _done(asked, desired, notes, apply=asked.apply), screen, apply=asked.apply)


def _after_asking(asked: ReconcileOptions, desired: Desired, notes: Console, screen: Console) -> int:
    """Plan, show the plan, and apply it if the person at the terminal agrees."""
    planned = _done(asked, desired, notes, apply=False)
    if planned["status"] == "blocked" or not count_of_planned(planned):
        return _ended(asked, planned, screen, apply=False)
    _show(asked, planned, screen, apply=False)
    if not typer.confirm("\nApply this plan?", err=True):
        notes.print("Nothing was applied.")
        return 1
    if asked.no_wait:
        return _without_waiting(asked, desired, notes)
    result = _done(asked, desired, notes, apply=True)
    if result["plan_digest"] != planned["plan_digest"]:
        notes.print("What was applied is not what was shown: the system, or its guards, have changed meanwhile.")
    return _ended(asked, result, screen, apply=True)


def _without_waiting(asked: ReconcileOptions, desired: Desired, notes: Console) -> int:
    job = _submitted(asked, desired, notes, apply=asked.apply)
    typer.echo(json.dumps({"id": job.id, "url": job.url}) if asked.as_json else job.url)
    return 0


def _console(*, stderr: bool) -> Console:
    """Return what prints plain text, and in a pipe wraps nothing: whoever looks for a line is to find it."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=not stream.isatty())


def _on_a_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _refuse(problem: str, code: int = 1) -> NoReturn:
    typer.echo(f"qontract: {problem}", err=True)
    raise SystemExit(code)


def _desired(asked: ReconcileOptions) -> Desired:
    try:
        desired = read_desired(asked.files, _fields(asked.integration))
    except FileError as error:
        _refuse(str(error))
    more = {"reason": asked.reason, "accept_plan": asked.accept_plan}
    said = {name: value for name, value in more.items() if value is not None}
    return Desired(desired.value | said, desired.documents)


def _fields(integration: str) -> Collection[str]:
    """Return what a request may have, by the class that is installed here; nothing if that is not known."""
    for entry in entry_points(group=integrations.GROUP, name=integration):
        try:
            return set(entry.load().desired.model_fields)
        except Exception:  # noqa: BLE001 - it is the API's business what it can use
            return ()
    return ()


def _submitted(asked: ReconcileOptions, desired: Desired, notes: Console, *, apply: bool) -> client.Accepted:
    try:
        where = asked.api_url, asked.token, asked.integration
        job = client.submit(*where, desired.value, apply=apply, progress=notes.print)
    except client.ClientError as error:
        lines = [_problem(problem, desired) for problem in error.errors]
        _refuse("\n".join([str(error), *lines]))
    except KeyboardInterrupt:
        _refuse("interrupted before the API had answered: it may have accepted the request", _INTERRUPTED)
    kind = "" if apply else ", a dry run,"
    notes.print(f"job {one_line(job.id)}{kind} is accepted", soft_wrap=True)
    return job


def _problem(problem: Any, desired: Desired) -> str:
    """Say what is wrong with the request, and in which file and line."""
    pointer = str(problem.get("pointer", ""))
    where = desired.place(pointer) or ""
    return one_line(f"  {where or pointer or problem.get('parameter', '')}: {problem.get('msg', '')} ({pointer})")


def _done(asked: ReconcileOptions, desired: Desired, notes: Console, *, apply: bool) -> dict[str, Any]:
    """Return the result of the request. The job is submitted again if Redis lost it before it had ended."""
    for _ in range(_MAX_SUBMISSIONS):
        try:
            return _result(asked, _submitted(asked, desired, notes, apply=apply), notes, apply=apply)
        except client.ForgottenError as error:
            notes.print(f"{error}: Redis may have failed over")
    _refuse(f"the job was lost {_MAX_SUBMISSIONS} times. Ask `qontract status` whether Redis is well")


def _result(asked: ReconcileOptions, job: client.Accepted, notes: Console, *, apply: bool) -> dict[str, Any]:
    """Wait for the end of the job. Whoever interrupts reads that the job goes on. Raises ForgottenError."""
    try:
        with _progress(notes) as progress:
            return client.wait(asked.token, job, progress=progress)
    except client.ForgottenError:
        raise
    except client.ClientError as error:
        _refuse(str(error))
    except KeyboardInterrupt:
        effect = "and what it plans is applied" if apply else "and changes nothing: it is a dry run"
        _refuse(
            f"interrupted; job {one_line(job.id)} goes on, {effect}. To see how far it is, and to stop it:\n"
            f"  {_jobs(asked, 'show', job)}\n  {_jobs(asked, 'cancel', job)}",
            _INTERRUPTED,
        )


def _jobs(asked: ReconcileOptions, what: str, job: client.Accepted) -> str:
    """Return the command that shows the job, or cancels it."""
    where = ("--api-url", asked.api_url) if "--api-url" in asked.command else ()
    return shlex.join(["qontract", "jobs", what, one_line(job.id), *where])


@contextmanager
def _progress(notes: Console) -> Iterator[client.Progress]:
    """Show how far a job is while the body waits for it: on a terminal in one line, elsewhere a line now and then."""
    began = time.monotonic()
    if notes.is_terminal:
        with notes.status("The job is accepted") as status:
            yield lambda said: status.update(f"{said} ({time.monotonic() - began:.0f} s)")
        return
    next_line = began + _SAY_SECONDS

    def say(said: str) -> None:
        nonlocal next_line
        if time.monotonic() >= next_line:
            next_line = time.monotonic() + _SAY_SECONDS
            notes.print(f"{said} ({time.monotonic() - began:.0f} s)")

    yield say


def _ended(asked: ReconcileOptions, result: dict[str, Any], screen: Console, *, apply: bool) -> int:
    """Write and show the result, and return the exit code."""
    if asked.out:
        try:
            asked.out.write_text(markdown(asked.integration, result, apply=apply), encoding="utf-8")
        except OSError as error:
            _refuse(f"--out {asked.out}: cannot be written: {error.strerror}")
    if asked.as_json:
        typer.echo(json.dumps(result, indent=2))
    else:
        _show(asked, result, screen, apply=apply)
        _show_how_to_apply(asked, result, screen)
    if result["status"] == "success":
        return _CHANGES if asked.detailed_exitcode and count_of_planned(result) else 0
    return _BLOCKED if result["status"] == "blocked" else 1


def _show_how_to_apply(asked: ReconcileOptions, result: dict[str, Any], screen: Console) -> None:
    if asked.apply or result["status"] not in {"success", "failed"} or not count_of_planned(result):
        return
    without = ", without what is in error" if result["errors"] else ""
    screen.print(f"Nothing is changed yet. To apply it{without}:")
    screen.print(f"  {shlex.join([*asked.command, '--apply'])}", soft_wrap=True)


def _show(asked: ReconcileOptions, result: dict[str, Any], screen: Console, *, apply: bool) -> None:
    accept = shlex.join([*asked.command, "--apply", "--accept-plan", result["plan_digest"] or ""])
    report.show(result, screen, apply=apply, accept=accept)
