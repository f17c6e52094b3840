"""The subscriptions that a subscriber runs: those of the handlers that are installed, ours among them.

A package names its handlers in the entry-point group `qontract.event_handlers`: the name of the subscription, and a
handler class, or a function that returns a handler.

    [project.entry-points."qontract.event_handlers"]
    tickets = "my_package.handlers:Tickets"

If it has a pydantic model as its attribute `Settings`, that is read from `QAPI_TICKETS__…`, and it is called with it.
"""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from importlib.metadata import EntryPoint
from typing import Any

from pydantic import BaseModel

from qontract.application.delivery.subscription import Subscription, wrong_with_name
from qontract.domain.events import catalogue, type_pattern
from qontract.entrypoints.plugins import error_text, package_of
from qontract.entrypoints.plugins import installed as installed_in
from qontract.entrypoints.settings import load_settings_of
from qontract.entrypoints.settings.groups import SubscriberSettings
from qontract.entrypoints.settings_reload import Reloader

GROUP = "qontract.event_handlers"
_VARIABLE = "QAPI_SUBSCRIBER__HANDLERS"

log = logging.getLogger(__name__)


AnyReloader = Reloader[BaseModel, Subscription | None]


@dataclass(frozen=True)
class Loaded:
    """What can be run; and what not, with the reason: a line that names the package and the entry point.

    `reloaders`: of each subscription whose handler has settings, how it is made anew.
    """

    subscriptions: list[Subscription]
    refused: dict[str, str]
    reloaders: Mapping[str, AnyReloader]


def load_subscriptions(settings: SubscriberSettings) -> Loaded:
    """Load every handler that is installed and not switched off. A wrong one is logged, and stops no other."""
    refused: dict[str, str] = {}
    installed = installed_in(GROUP, refused)
    handlers = settings.handlers
    loaded: list[tuple[Subscription, str]] = []
    reloaders: dict[str, AnyReloader] = {}
    for name, handler in chosen(installed, handlers).items():
        entry = installed.get(handler)
        if entry is None:
            _refuse(refused, _not_installed(handler, installed), subscription=name)
            continue
        try:
            made = _make(name, entry)
            subscription = made.made if isinstance(made, Reloader) else made
            if subscription:
                loaded.append((subscription, package_of(entry)))
            if subscription and isinstance(made, Reloader):
                reloaders[name] = made
        except (Exception, SystemExit) as error:
            _refuse(refused, error_text(error), subscription=name, package=package_of(entry), entry_point=entry.value)
            log.debug("handler refused for this error", exc_info=True)
    _log_switched_off(handlers, installed)
    _log_loaded(loaded)
    return Loaded([subscription for subscription, _ in loaded], refused, reloaders)


def _not_installed(handler: str, installed: Collection[str]) -> str:
    near = nearest(handler, installed)
    hint = f"; did you mean {near!r}?" if near else ""
    return f"{_VARIABLE}: no handler {handler!r} is installed{hint}"


def _log_switched_off(handlers: Mapping[str, str | None], installed: Mapping[str, object]) -> None:
    """Log which handlers are switched off that are not there: most likely they are misspelt."""
    for name in sorted({name for name, handler in handlers.items() if not handler} - installed.keys()):
        log.warning("handler to switch off is not installed", extra={"subscription": name, "variable": _VARIABLE})


def chosen(installed: Collection[str], handlers: Mapping[str, str | None]) -> dict[str, str]:
    """Return the subscriptions and their handlers: each handler under its own name, but for what the settings say."""
    return {name: handler for name, handler in ({name: name for name in installed} | {**handlers}).items() if handler}


def nearest(name: str, known: Collection[str]) -> str | None:
    """Return what is likely meant by a name that is not known."""
    return next(iter(get_close_matches(name, known, n=1)), None)


def unknown_types(types: Collection[str], known: Collection[str]) -> dict[str, str | None]:
    """Return those of the types, and of the patterns, that are of no type that is known; and what is likely meant."""
    parts = [one.rpartition(".") for one in known]
    patterns = {pattern for start, _, end in parts for pattern in (f"{start}.*", f"*.{end}")}
    return {
        wanted: nearest(wanted, sorted(patterns) if "*" in wanted else known)
        for wanted in types
        if wanted != "*" and not any(map(type_pattern(wanted).fullmatch, known))
    }


def _make(name: str, entry: EntryPoint) -> Subscription | AnyReloader:
    """Make the subscription, or what makes it anew; None in that if its settings switch it off.

    Raises whatever the package raises.
    """
    if wrong := wrong_with_name(name):
        raise ValueError(wrong)
    make: Any = entry.load()
    model = getattr(make, "Settings", None)
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return Subscription(name, make())
    first: list[Subscription] = []

    def subscription(settings: BaseModel) -> Subscription | None:
        made = Subscription(name, make(settings)) if getattr(settings, "enabled", True) else None
        if first:
            return _successor(made, first[0])
        if made is None:
            log.info("handler is not enabled", extra={"subscription": name, "package": package_of(entry)})
        else:
            first.append(made)
        return made

    return Reloader(name, partial(load_settings_of, model, name), subscription)


def _successor(made: Subscription | None, first: Subscription) -> Subscription:
    """Return it if it can go on where the first one is. Raises ValueError."""
    if made is None:
        raise ValueError("the settings switch the handler off now, which needs a restart")
    if (made.handler.types, made.handler.policy) != (first.handler.types, first.handler.policy):
        raise ValueError("the handler has other types, or another policy, with these settings, which needs a restart")
    return made


def _refuse(refused: dict[str, str], error: str, *, subscription: str, **where: str) -> None:
    """Log it, and add it to what was refused under this name."""
    log.error("handler refused", extra={"subscription": subscription, **where, "error": error})
    line = ": ".join([*where.values(), error])
    refused[subscription] = f"{refused[subscription]}; {line}" if subscription in refused else line


def _log_loaded(loaded: list[tuple[Subscription, str]]) -> None:
    """Log what was loaded, and what is likely a mistake in it."""
    known = catalogue()
    about: dict[str, Any] = {}
    for subscription, of_package in loaded:
        handler = subscription.handler
        about[subscription.name] = {
            "handler": f"{type(handler).__module__}.{type(handler).__qualname__}",
            "types": list(handler.types),
            "package": of_package,
        }
        for wanted, near in unknown_types(handler.types, known).items():
            hint = {"event_type": wanted, "nearest": near}
            log.warning("handler wants a type that is not known", extra={"subscription": subscription.name, **hint})
    log.info("subscriptions loaded", extra={"subscriptions": about})
