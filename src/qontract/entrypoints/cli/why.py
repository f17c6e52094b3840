"""Why an event was, or was not, delivered."""

from typing import Annotated

import typer

_EXAMPLES = ("qontract why 1769851800123-0", "qontract why 5f0c2f3e-8b1c-4c7e-9a55-0d9f1f0a7a11 --json")
EPILOG = "\n\n".join(("Examples:", *_EXAMPLES))


def why(
    name: Annotated[str, typer.Argument(metavar="ID", help="The event's entry, or its own id")],
    source: Annotated[str | None, typer.Option(help="Of events that have this id, the one of this source")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON")] = False,
) -> None:
    """Say why an event was delivered, or was not: who asked for it, where it is, and one verdict for each subscription.

    Exits with 0 if all that want it have handled it; with 3 if something is still to come; with 4 if it was given up or
    lost; with 1 if there is no such event, or not all could be found out.
    """
    from qontract.application.ports.kept_events import KeptEventsError
    from qontract.application.ports.subscriptions import SubscriptionsError
    from qontract.entrypoints.container import get_container
    from qontract.entrypoints.passports import UNKNOWN, exit_code, lines, record
    from qontract.entrypoints.shown import as_json as to_json
    from qontract.entrypoints.shown import safe

    try:
        passport = get_container().why().event(name, source)
    except (KeptEventsError, SubscriptionsError) as error:
        raise SystemExit(f"qontract: QAPI_CACHE_BROKER_URL: {safe(error)}") from None
    if passport is None:
        typer.echo(f"qontract: {safe(name)}: nothing is known of such an event: see `qontract events list`", err=True)
        raise typer.Exit(UNKNOWN)
    typer.echo(to_json(record(passport), indent=2) if as_json else "\n".join(lines(passport)))
    raise typer.Exit(exit_code(passport))
