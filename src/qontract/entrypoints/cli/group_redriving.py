"""Redriving a group of dead letters: the preview, the progress, and what it means."""

import sys
import time

import typer

from qontract.application.control.dead_letter_changes import LetterChanges
from qontract.application.control.group_redrive import (
    GroupRedrive,
    NotRunningError,
    RedriveEnd,
    RedriveProgress,
    redrive_all,
    require_running,
)
from qontract.application.control.group_redrive import group_of as find_group
from qontract.application.control.subscriptions import SubscriptionControl
from qontract.application.ports.dead_letters import SubscriptionGoneError
from qontract.application.ports.subscriptions import SubscriptionsError
from qontract.domain.dead_letters import LetterGroup
from qontract.domain.failure_causes import UNREADABLE
from qontract.domain.health_findings import count_of
from qontract.entrypoints.cli.operating_user import operating_user
from qontract.entrypoints.cli.terminal import confirmed, no_answer_message
from qontract.entrypoints.container import get_container
from qontract.entrypoints.logs import configure_logs
from qontract.entrypoints.presenters.dead_letters import progress_line, progress_record
from qontract.entrypoints.terminal_text import as_json as to_json
from qontract.entrypoints.terminal_text import safe

CAME_BACK = 4
"""The exit code of a redriving that stopped, for its cause came back."""
_READ_SECONDS = 1.0
"""For so long it is known whether somebody reads the subscription."""


def redrive_group(group_id: str, rate: float, *, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Redrive a group at a rate, and exit as it ended. Raises DeadLettersError."""
    container = get_container()
    dead_letters, control = container.dead_letters(), container.subscription_control()
    group = find_group(dead_letters.iterate(), group_id)
    if group is None:
        raise SystemExit(
            f"qontract: {safe(group_id)}: no dead letter is of this group; see `qontract dead-letters groups`"
        )
    if group.cause.kind == UNREADABLE:
        raise SystemExit(f"qontract: {group_id}: they cannot be read; qontract dead-letters discard --group {group_id}")
    _check_read(control, group)
    preview = (
        f"{count_of(group.count, 'dead letter')} of {group.subscription}: {group.cause}; at most {rate:g} in a second"
    )
    if not confirmed(safe(preview), yes=yes, dry_run=dry_run, quiet=as_json):
        if as_json:
            typer.echo(to_json({"group": group_id, "end": None, "count": group.count}))
        return
    configure_logs("WARNING")
    changes = LetterChanges(dead_letters, container.event_manager(), by=operating_user())
    redrive = GroupRedrive(dead_letters, container.redrive_runs(), changes, group)
    shown = _Shown(group.count)
    try:
        end, progress = redrive_all(
            redrive, rate=rate, is_read=_Read(control, group), report=shown, sleep=time.sleep, now=time.monotonic
        )
    except KeyboardInterrupt:
        shown.end()
        typer.echo(f"stopped; to go on: qontract dead-letters redrive --group {group_id}", err=True)
        raise SystemExit(130) from None
    shown.end()
    if as_json:
        typer.echo(to_json({"group": group_id, "end": end.value, "count": group.count} | progress_record(progress)))
    else:
        typer.echo(progress_line(progress, group.count))
    _explain(end, progress, group)


def _explain(end: RedriveEnd, progress: RedriveProgress, group: LetterGroup) -> None:
    """Say what to do next, and exit as it ended."""
    if end is RedriveEnd.CAME_BACK:
        typer.echo(
            f"qontract: stopped: the cause came back: {safe(progress.error)}\n"
            f"fix it, and give the same command again; or qontract dead-letters discard --group {group.id}",
            err=True,
        )
        raise typer.Exit(CAME_BACK)
    if end is RedriveEnd.NOT_READ:
        typer.echo(f"qontract: stopped: nobody reads {group.subscription} any more; give it again to go on", err=True)
        raise typer.Exit(1)
    if progress.waiting:
        typer.echo(f"not all is handled yet; see qontract subscriptions show {group.subscription}", err=True)


def _check_read(control: SubscriptionControl, group: LetterGroup) -> None:
    try:
        require_running(control, group.subscription)
    except SubscriptionGoneError as error:
        raise SystemExit(f"qontract: {group.id}: not redriven: {safe(error)}") from None
    except NotRunningError as error:
        hint = f"see qontract subscriptions show {group.subscription}"
        raise SystemExit(f"qontract: {group.id}: not redriven: {safe(error)}; {hint}") from None
    except SubscriptionsError as error:
        raise no_answer_message(error) from None


class _Read:
    """Says whether somebody reads the subscription, and asks each second."""

    def __init__(self, control: SubscriptionControl, group: LetterGroup) -> None:
        self._control = control
        self._group = group
        self._asked = time.monotonic()

    def __call__(self) -> bool:
        if time.monotonic() - self._asked < _READ_SECONDS:
            return True
        self._asked = time.monotonic()
        try:
            require_running(self._control, self._group.subscription)
        except (SubscriptionGoneError, NotRunningError, SubscriptionsError):
            return False
        return True


class _Shown:
    """Shows the progress on a terminal, in one line that changes."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._is_watched = sys.stderr.isatty()
        self._last = ""

    def __call__(self, progress: RedriveProgress) -> None:
        text = progress_line(progress, self._count)
        if self._is_watched and text != self._last:
            sys.stderr.write(f"\r{text:{len(self._last)}}")
            sys.stderr.flush()
            self._last = text

    def end(self) -> None:
        """Take the line away."""
        if self._last:
            sys.stderr.write(f"\r{'':{len(self._last)}}\r")
            sys.stderr.flush()
