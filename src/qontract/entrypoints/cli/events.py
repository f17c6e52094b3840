"""Events: look at those that are kept, follow those that come, publish one; send what waits on this machine."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from qontract.application.ports.kept_events import KeptEventsError
from qontract.entrypoints.cli.terminal import examples, no_answer_message
from qontract.entrypoints.points_in_time import point_in_time

app = typer.Typer(help=__doc__, no_args_is_help=True)

_STOPPED = 3
"""The exit code of a search that stopped before it had looked at everything."""


def _moment(text: str) -> Any:
    try:
        return point_in_time(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


_Types = Annotated[list[str] | None, typer.Option("--type", metavar="PATTERN", help="Only this type; * is any text")]
_Source = Annotated[str | None, typer.Option(help="Only those of this source")]
_Subject = Annotated[str | None, typer.Option(help="Only those about this subject")]
_Who = Annotated[str | None, typer.Option(help="Only those that this person asked for (authid)")]
_Since = Annotated[
    Any, typer.Option(parser=_moment, metavar="TIME", help="Only those kept since then: 10m, 2h, 2026-01-31T09:30Z")
]
_Until = Annotated[Any, typer.Option(parser=_moment, metavar="TIME", help="Only those kept until then")]
_After = Annotated[str, typer.Option(metavar="ENTRY", help="Go on after this entry")]
_Json = Annotated[bool, typer.Option("--json", help="As JSON: a line for each event")]


@app.command(
    "list",
    epilog=examples(
        "qontract events list --since 10m",
        "qontract events list --type 'qontract-api.slack-usergroups.*' --subject acme/team-a",
        "qontract events list --who alice@sre --oldest-first --json",
    ),
)
def list_(
    *,
    types: _Types = None,
    source: _Source = None,
    subject: _Subject = None,
    who: _Who = None,
    since: _Since = None,
    until: _Until = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most")] = 50,
    oldest_first: Annotated[bool, typer.Option("--oldest-first", help="Begin with the oldest")] = False,
    after: _After = "",
    look_at: Annotated[int, typer.Option(min=1, help="Stop after looking at so many")] = 100_000,
    as_json: _Json = False,
) -> None:
    """List kept events, newest first: when each was kept, its entry, type, subject, and who asked for it.

    Exits with 3 if it stopped before it had looked at all of them; it says after which entry to go on.
    """
    from qontract.application.inspection.event_search import EventFilter, Search
    from qontract.application.ports.kept_events import Span
    from qontract.domain.health_findings import count_of
    from qontract.entrypoints.container import get_container
    from qontract.entrypoints.presenters.event_lines import Lines

    wanted = EventFilter(tuple(types or ()), source, subject, who)
    with _one_line():
        kept = get_container().kept_events()
        search = Search(kept, wanted, Span(since, until, after, not oldest_first), limit=limit, most=look_at)
        lines = Lines(as_json=as_json)
        event = None
        for event in search:
            typer.echo(lines.of(event))
    if event is None and not search.next:
        chosen = any((types, source, subject, who, since, until, after))
        typer.echo("no events match" if chosen else "no events", err=True)
    if search.next and search.is_full:
        typer.echo(f"{count_of(limit, 'event')}; for more, --after {search.next}", err=True)
    elif search.next:
        typer.echo(
            f"qontract: stopped after looking at {count_of(search.scanned, 'event')}; go on with --after {search.next}",
            err=True,
        )
        raise typer.Exit(_STOPPED)


@app.command(
    epilog=examples(
        "qontract events tail",
        "qontract events tail --type '*.error' --json",
        "qontract events tail --since 1h",
        "qontract events tail --after 1769851800123-0",
    )
)
def tail(
    *,
    types: _Types = None,
    source: _Source = None,
    subject: _Subject = None,
    who: _Who = None,
    since: _Since = None,
    after: _After = "",
    as_json: _Json = False,
) -> None:
    """Show events as they come, each once, until Ctrl-C; which then says after which entry to go on.

    When Redis is away it waits, and goes on where it was.
    """
    from qontract.application.inspection.event_search import EventFilter, follow
    from qontract.application.ports.kept_events import Span
    from qontract.entrypoints.container import get_container
    from qontract.entrypoints.presenters.event_lines import Lines

    wanted = EventFilter(tuple(types or ()), source, subject, who)
    with _one_line():
        kept = get_container().kept_events()
        last = after if after or since else kept.newest()
        lines = Lines(as_json=as_json)
        try:
            for event in follow(kept, wanted, Span(since=since, after=last), _paused, _say_whether_it_answers):
                typer.echo(lines.of(event))
                last = event.entry
        except KeyboardInterrupt:
            typer.echo(f"to go on: qontract events tail --after {last}" if last else "", err=True)
            raise SystemExit(130) from None


@app.command(epilog=examples("qontract events show 1769851800123-0", "qontract events show 5f0c… --json"))
def show(
    name: Annotated[str, typer.Argument(metavar="ID", help="Its entry, or its own id")],
    source: Annotated[str | None, typer.Option(help="Of events that have this id, the one of this source")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Only the event, as JSON")] = False,
) -> None:
    """Show one event, whole. Exits with 1 if there is none, and with 3 if not all could be looked at."""
    from qontract.application.inspection.event_search import find_one
    from qontract.entrypoints.container import get_container
    from qontract.entrypoints.presenters.event_lines import format_event
    from qontract.entrypoints.terminal_text import safe

    with _one_line():
        event, search = find_one(get_container().kept_events(), name, source)
    if event is None:
        where = f"among the newest {search.scanned}" if search.next else "among those that are kept"
        typer.echo(f"qontract: {safe(name)}: no such event {where}", err=True)
        raise typer.Exit(_STOPPED if search.next else 1)
    typer.echo(format_event(event, as_json=as_json))


@app.command(
    epilog=examples(
        "qontract events publish event.json",
        "generate | qontract events publish -",
        "qontract events publish --type com.example.backup.done --subject db-1 --data '{\"bytes\": 7}'",
    )
)
def publish(
    file: Annotated[str | None, typer.Argument(metavar="FILE", help="A CloudEvent as JSON; - is the input")] = None,
    *,
    event_type: Annotated[str | None, typer.Option("--type", help="The type of a new event")] = None,
    source: Annotated[str | None, typer.Option(help="Its source; otherwise QAPI_EVENTS__SOURCE")] = None,
    subject: Annotated[str | None, typer.Option(help="What it happened to")] = None,
    data: Annotated[str | None, typer.Option(metavar="JSON", help="Its data")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print its id, source and what became of it as JSON")] = False,
) -> None:
    """Publish a CloudEvent. The log says who did it, and so does the event, if it names nobody.

    Exits with 0 also if Redis is away and the event waits in this machine's spool, as the line says.
    """
    from qontract.application.control.event_publishing import PublishOutcome, publish_by_hand
    from qontract.entrypoints.cli.operating_user import operating_user
    from qontract.entrypoints.container import get_container
    from qontract.entrypoints.logs import configure_logs
    from qontract.entrypoints.presenters.event_lines import content_of, new_event
    from qontract.entrypoints.terminal_text import as_json as to_json
    from qontract.entrypoints.terminal_text import safe

    if (file is None) == (event_type is None) or (file and (source or subject or data)):
        raise typer.BadParameter("give a FILE (- is the input), or --type and what else the event has")
    container = get_container()
    configure_logs("INFO")
    manager, default = container.event_manager(), container.settings().events.source
    if manager is None:
        raise SystemExit("qontract: QAPI_EVENTS__ENABLED: events are disabled")
    try:
        content = new_event(str(event_type), source or default, subject, data) if file is None else content_of(file)
        event, outcome = publish_by_hand(manager, container.event_format(), content, by=operating_user())
    except (ValueError, OSError) as error:
        raise SystemExit(f"qontract: {safe(' '.join(str(error).split()))}") from None
    about = {"id": event.id, "source": event.source, "type": event.type, "status": outcome.value}
    typer.echo(to_json(about) if as_json else f"{outcome.value}: {safe(event.id)}")
    if outcome is PublishOutcome.NOT_PUBLISHED:
        raise typer.Exit(1)


@app.command(epilog=examples("qontract events types", "qontract events types --json"))
def types(as_json: Annotated[bool, typer.Option("--json", help="As JSON: a line for each type")] = False) -> None:
    """List the types of events that have a class, with the package that brings it."""
    from dataclasses import asdict

    from qontract.entrypoints.event_types import event_types
    from qontract.entrypoints.terminal_text import as_json as to_json
    from qontract.entrypoints.terminal_text import safe

    for kind in event_types():
        if as_json:
            typer.echo(to_json(asdict(kind)))
        else:
            typer.echo(safe(kind.type))
            typer.echo(f"  {safe(kind.event_class.rpartition('.')[2])}, of {safe(kind.package)}")
            typer.echo(f"  {safe(kind.about)}")


@app.command()
def flush() -> None:
    """Send the events that wait in this machine's spool. Exits with 1 if some still wait."""
    from qontract.application.ports.event_publisher import EventPublisherError
    from qontract.application.ports.event_spool import EventSpoolError
    from qontract.domain.health_findings import count_of
    from qontract.entrypoints.container import get_event_manager
    from qontract.entrypoints.logs import configure_logs

    configure_logs("WARNING")
    manager = get_event_manager()
    if manager is None:
        raise SystemExit("qontract: QAPI_EVENTS__ENABLED: events are disabled")
    try:
        typer.echo(f"{count_of(manager.flush(), 'event')} sent")
    except (EventPublisherError, EventSpoolError) as error:
        raise SystemExit(f"qontract: events still wait: {error}") from None


def _paused(seconds: float) -> bool:
    sys.stdout.flush()
    time.sleep(seconds)
    return True


def _say_whether_it_answers(error: KeptEventsError | None) -> None:
    typer.echo(f"qontract: {error}; it is asked again" if error else "qontract: it answers again", err=True)


@contextmanager
def _one_line() -> Iterator[None]:
    """Say in one line what cannot be reached, or where nobody can go on."""
    try:
        yield
    except KeptEventsError as error:
        raise no_answer_message(error) from None
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
