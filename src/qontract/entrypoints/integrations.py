"""The integrations that are installed, ours among them.

A package names its integrations in the entry-point group `qontract.integrations`: the integration's name and its class.

    [project.entry-points."qontract.integrations"]
    github-teams = "my_package:GithubTeams"
"""

import logging
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pydantic import BaseModel

from qontract.application.ports.integration import AnyIntegration
from qontract.domain.integration import BlockedPlan, DesiredState
from qontract.entrypoints import plugins
from qontract.entrypoints.settings import load_settings_of
from qontract.entrypoints.settings.reading import secrets_stamp
from qontract.entrypoints.settings_reload import Reloaded, Reloader

GROUP = "qontract.integrations"

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_TAKEN = {"reconcile", "events"}
"""The scopes that are not of one integration begin so."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class InstalledIntegrations:
    """The classes of the integrations, by name; and what cannot be used, with the reason: a line with the package."""

    classes: Mapping[str, type[AnyIntegration]]
    refused: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class IntegrationInstances:
    """The integrations themselves, by name; and what could not be made or used, with the reason.

    Of these, `left_out` are those whose extra is not installed: as it was meant. Each is made anew when the files of
    its settings have changed: `current` has those to use now.
    """

    current: Mapping[str, Reloaded[AnyIntegration]]
    refused: Mapping[str, str] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()

    @property
    def integrations(self) -> Mapping[str, AnyIntegration]:
        """Those that were used last."""
        return {name: current.value for name, current in self.current.items()}


def stale(classes: Mapping[str, type[AnyIntegration]], made: Collection[str]) -> list[str]:
    """Return the names of those that were `made` whose settings cannot be read now: the ones before are used."""
    changing = secrets_stamp()  # the environment of a process does not change
    return [name for name in sorted(made) if changing and not _readable(classes[name])]


def load_integrations() -> InstalledIntegrations:
    """Load the class of every integration that is installed. A wrong one is logged, and stops no other."""
    event_types = plugins.load_event_types()
    refused: dict[str, str] = {}
    classes: dict[str, type[AnyIntegration]] = {}
    for name, entry in plugins.installed(GROUP, refused).items():
        try:
            classes[name] = _checked(name, entry.load())
        except (Exception, SystemExit) as error:
            plugins.refuse(refused, GROUP, entry, plugins.error_text(error))
            log.debug("integration refused for this error", exc_info=True)
    plugins.REFUSED.labels(GROUP).set(len(refused))
    return InstalledIntegrations(classes, plugins.merged(event_types, refused))


def make_integrations(installed: InstalledIntegrations) -> IntegrationInstances:
    """Make each integration with its own settings. One that cannot be made is logged, and stops no other."""
    refused: dict[str, str] = {}
    left_out: set[str] = set()
    made: dict[str, Reloaded[AnyIntegration]] = {}
    for name, integration in installed.classes.items():
        try:
            made[name] = _make(integration)
        except (Exception, SystemExit) as error:
            refused[name] = plugins.error_text(error)
            if plugins.missing_extra(error):  # as it was installed: nobody has to be woken for it
                left_out.add(name)
                log.warning("integration left out", extra={"integration": name, "error": refused[name]})
                continue
            plugins.REFUSED.labels(GROUP).inc()
            log.error("integration refused", extra={"integration": name, "error": refused[name]})  # noqa: TRY400
            log.debug("integration refused for this error", exc_info=True)
    log.info("integrations loaded", extra={"integrations": sorted(made)})
    return IntegrationInstances(
        made, plugins.merged(installed.refused, refused), frozenset(left_out - installed.refused.keys())
    )


def usable_name(name: str) -> bool:
    """Say whether an integration may have this name: it is in URLs, scopes, locks, and in names of variables."""
    return _NAME.fullmatch(name) is not None and name not in _TAKEN


def _checked(name: str, integration: Any) -> type[AnyIntegration]:
    """Return the class if it has what every integration has. Raises ValueError."""
    if not isinstance(integration, type):
        raise ValueError("is no class; name the class of the integration")  # noqa: TRY004 - one kind for all
    if getattr(integration, "name", None) != name:
        raise ValueError(f"has the name {getattr(integration, 'name', None)!r}, and its entry point another: {name!r}")
    if not usable_name(name):
        raise ValueError(f"has a name that cannot be used; write it like github-teams, and not {sorted(_TAKEN)}")
    desired = getattr(integration, "desired", None)
    if not (isinstance(desired, type) and issubclass(desired, DesiredState)):
        raise ValueError("`desired` is no DesiredState")  # noqa: TRY004 - as above
    events = getattr(integration, "events", ())
    data = {event_type.model_fields["data"].annotation for event_type in events}
    if BlockedPlan not in data:
        raise ValueError(f"`events` lacks a type for plans that a guard stops: data: BlockedPlan, {name}.blocked")
    return integration


def _make(integration: type[AnyIntegration]) -> Reloaded[AnyIntegration]:
    make: Any = integration

    def made(settings: BaseModel | None) -> AnyIntegration:
        it: AnyIntegration = make() if settings is None else make(settings)
        return it

    reloader = Reloader(integration.name, partial(_settings, integration), made)
    return Reloaded(reloader, lambda old: old.close())


def _settings(integration: type[AnyIntegration]) -> BaseModel | None:
    """Read the settings of an integration; None: it has none. Raises SettingsProblemsError."""
    model = getattr(integration, "Settings", None)
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return None
    return load_settings_of(model, getattr(integration, "settings_group", integration.name))


def _readable(integration: type[AnyIntegration]) -> bool:
    try:
        _settings(integration)
    except Exception:  # noqa: BLE001 - of somebody else's model: any
        return False
    return True
