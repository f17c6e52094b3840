"""Events: what waits to be published."""

import typer

app = typer.Typer(help=__doc__, no_args_is_help=True)


@app.callback()
def _events() -> None:
    """Let `flush` be a command by name, though it is the only one."""


@app.command()
def flush() -> None:
    """Send the events that wait in this machine's spool. Exits with 1 if some still wait."""
    from qontract.application.ports.event_publisher import EventPublisherError
    from qontract.application.ports.event_spool import EventSpoolError
    from qontract.entrypoints.container import get_event_manager
    from qontract.entrypoints.logs import configure_logs

    configure_logs("WARNING")
    manager = get_event_manager()
    if manager is None:
        raise SystemExit("qontract: QAPI_EVENTS__ENABLED: events are disabled")
    try:
        typer.echo(f"{manager.flush()} events sent")
    except (EventPublisherError, EventSpoolError) as error:
        raise SystemExit(f"qontract: events still wait: {error}") from None
