"""Why something was, or was not, done: an event, a job, a subject, a person."""

from itertools import chain
from typing import Annotated

import typer

from qontract.entrypoints.cli.terminal import no_answer_message

_EXAMPLES = (
    "qontract why 1769851800123-0",
    "qontract why 5f0c2f3e-8b1c-4c7e-9a55-0d9f1f0a7a11 --json",
    "qontract why acme/team-a",
    "qontract why alice@example.com",
)
EPILOG = "\n\n".join(("Examples:", *_EXAMPLES))


def why(
    name: Annotated[
        str,
        typer.Argument(
            metavar="ID", help="An event's entry or id, the id of a dead letter or a job, a subject, or a person"
        ),
    ],
    source: Annotated[str | None, typer.Option(help="Of events that have this id, the one of this source")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON")] = False,
) -> None:
    """Say why an event was delivered, or was not: who asked for it, where it is, and one verdict for each subscription.

    Of a job, a subject or a person: what became of it, and the newest events that concern it.

    Exits with 0 if all that want it have handled it; with 3 if something is still to come; with 4 if it was given up or
    lost; with 1 if nothing is known of it, or not all could be found out; with 5 if Redis does not answer.
    """
    from qontract.application.ports.kept_events import KeptEventsError
    from qontract.application.ports.subscriptions import SubscriptionsError
    from qontract.domain.explanations import EventExplanation
    from qontract.entrypoints.container import get_container
    from qontract.entrypoints.presenters.explanations import UNKNOWN, exit_code, lines, record
    from qontract.entrypoints.presenters.name_history import exit_code_of_history, lines_of_history, record_of_history
    from qontract.entrypoints.terminal_text import as_json as to_json
    from qontract.entrypoints.terminal_text import folded, width

    if not name.strip():
        raise typer.BadParameter("it is empty: give an event, a job, a subject or a person", param_hint="ID")
    container = get_container()
    knows_jobs = container.settings().auth.secret is not None  # else a forged job looks like one of ours
    explanations = container.explanations_with_jobs() if knows_jobs else container.explanations()
    try:
        found = explanations.about(name, source)
    except (KeptEventsError, SubscriptionsError) as error:
        raise no_answer_message(error) from None
    hint = "" if knows_jobs else "; jobs were not looked at: QAPI_AUTH__SECRET is not set"
    if found is None:
        typer.echo(f"qontract: {_nothing_known(name)}{hint}", err=True)
        raise typer.Exit(UNKNOWN)
    if isinstance(found, EventExplanation):
        shown, text, code = record(found), lines(found), exit_code(found)
    else:
        shown, text, code = record_of_history(found), lines_of_history(found), exit_code_of_history(found)
        if hint:
            typer.echo(f"qontract: {hint.removeprefix('; ')}", err=True)
    folded_lines = chain.from_iterable(folded(one, width()) for one in text)
    typer.echo(to_json(shown, indent=2) if as_json else "\n".join(folded_lines))
    raise typer.Exit(code)


def _nothing_known(name: str) -> str:
    from qontract.entrypoints.terminal_text import safe

    see = _jobs_of_scope(name) or "qontract events list"
    return f"{safe(name)}: nothing is known of it: see `{safe(see)}`"


def _jobs_of_scope(name: str) -> str | None:
    """Return the command that lists the jobs of a scope, if that is what is named: slack-usergroups/acme."""
    from shlex import quote

    from qontract.entrypoints import integrations, plugins

    integration, _, scope = name.partition("/")
    if not scope or integration not in plugins.installed_names(integrations.GROUP):
        return None
    return f"qontract jobs list --integration {integration} --scope {quote(scope)}"
