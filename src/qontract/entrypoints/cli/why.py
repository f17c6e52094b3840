"""Why something was, or was not, done: an event, a job, a subject, a person."""

from typing import Annotated

import typer

_EXAMPLES = (
    "qontract why 1769851800123-0",
    "qontract why 5f0c2f3e-8b1c-4c7e-9a55-0d9f1f0a7a11 --json",
    "qontract why acme/team-a",
    "qontract why alice@example.com",
)
EPILOG = "\n\n".join(("Examples:", *_EXAMPLES))


def why(
    name: Annotated[
        str, typer.Argument(metavar="ID", help="An event's entry or id, the id of a job, a subject, or a person")
    ],
    source: Annotated[str | None, typer.Option(help="Of events that have this id, the one of this source")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON")] = False,
) -> None:
    """Say why an event was delivered, or was not: who asked for it, where it is, and one verdict for each subscription.

    Of a job, a subject or a person: what became of it, and the newest events that concern it.

    Exits with 0 if all that want it have handled it; with 3 if something is still to come; with 4 if it was given up or
    lost; with 1 if nothing is known of it, or not all could be found out.
    """
    from qontract.application.ports.kept_events import KeptEventsError
    from qontract.application.ports.subscriptions import SubscriptionsError
    from qontract.domain.passport import Passport
    from qontract.entrypoints.container import get_container
    from qontract.entrypoints.passports import UNKNOWN, exit_code, lines, record
    from qontract.entrypoints.shown import as_json as to_json
    from qontract.entrypoints.shown import safe
    from qontract.entrypoints.story_lines import exit_code_of_story, lines_of_story, record_of_story

    container = get_container()
    knows_jobs = container.settings().auth.secret is not None  # without it no job can be told from a forged one
    try:
        found = (container.stories_with_jobs() if knows_jobs else container.stories()).about(name, source)
    except (KeptEventsError, SubscriptionsError) as error:
        raise SystemExit(f"qontract: {container.settings().events_url_name}: {safe(error)}") from None
    hint = "" if knows_jobs else "; jobs were not looked at: QAPI_AUTH__SECRET is not set"
    if found is None:
        typer.echo(f"qontract: {safe(name)}: nothing is known of it: see `qontract events list`{hint}", err=True)
        raise typer.Exit(UNKNOWN)
    if isinstance(found, Passport):
        shown, told, code = record(found), lines(found), exit_code(found)
    else:
        shown, told, code = record_of_story(found), lines_of_story(found), exit_code_of_story(found)
        if hint:
            typer.echo(f"qontract: {hint.removeprefix('; ')}", err=True)
    typer.echo(to_json(shown, indent=2) if as_json else "\n".join(told))
    raise typer.Exit(code)
