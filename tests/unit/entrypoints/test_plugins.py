"""What installed packages bring: a bad one is named, and takes nothing down."""

import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest
from prometheus_client.registry import REGISTRY

from qontract.adapters.memory import InMemorySlackUsergroups
from qontract.domain.integration import BlockedPlan
from qontract.entrypoints import integrations, plugins
from tests.support.outside import outside_event, outside_integration

Install = Callable[..., None]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Have these entry points, by group, and no others: each with what it is found to be, or raises."""
    found: dict[str, list[EntryPoint]] = {}
    monkeypatch.setattr(plugins, "entry_points", lambda group: found.get(group, []))

    def add(group: str, name: str, value: object = None, *, error: str = "") -> None:
        module = ModuleType(f"installed_{group}_{name}".replace(".", "_").replace("-", "_"))
        if error:
            module.__getattr__ = lambda _: (_ for _ in ()).throw(RuntimeError(error))  # type: ignore[method-assign]
        else:
            module.it = value  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, module.__name__, module)
        found.setdefault(group, []).append(EntryPoint(name, f"{module.__name__}:it", group))

    return add


def refused(group: str) -> float | None:
    return REGISTRY.get_sample_value("qontract_packages_refused", {"group": group})


def test_event_types_that_cannot_be_loaded_are_named_and_counted_and_the_others_are_loaded(install: Install) -> None:
    loaded: list[str] = []
    install(plugins.EVENTS, "acme", error="no such table")
    install(plugins.EVENTS, "fine", loaded)
    assert list(plugins.load_event_types()) == ["acme"]
    assert "no such table" in plugins.load_event_types()["acme"]
    assert refused(plugins.EVENTS) == 1


def test_what_is_refused_no_more_is_counted_no_more(install: Install) -> None:
    plugins.REFUSED.labels(plugins.EVENTS).set(3)
    assert plugins.load_event_types() == {}
    assert refused(plugins.EVENTS) == 0


def test_integrations_and_event_types_that_are_refused_are_counted_by_group_and_named_together(
    install: Install,
) -> None:
    install(plugins.EVENTS, "acme", error="no such table")
    install(integrations.GROUP, "acme", error="no such module")
    install(integrations.GROUP, "slack-usergroups", InMemorySlackUsergroups)
    loaded = integrations.load_integrations()
    assert loaded.classes == {"slack-usergroups": InMemorySlackUsergroups}
    assert "no such table" in loaded.refused["acme"]
    assert "no such module" in loaded.refused["acme"]
    assert (refused(plugins.EVENTS), refused(integrations.GROUP)) == (1, 1)


def test_an_integration_that_cannot_be_made_is_counted_too() -> None:
    plugins.REFUSED.labels(integrations.GROUP).set(0)

    class Unmakeable(InMemorySlackUsergroups):
        def __init__(self) -> None:
            raise ValueError("no token")

    made = integrations.make_integrations(integrations.InstalledIntegrations({"slack-usergroups": Unmakeable}))
    assert made.refused == {"slack-usergroups": "no token"}
    assert refused(integrations.GROUP) == 1


@pytest.mark.parametrize("name", ["reconcile", "events", "Github", "a_b", "a/b", "{a}", "1a", "a--b", "é", ""])
def test_an_integration_whose_name_cannot_be_in_urls_scopes_and_variables_is_refused(
    install: Install, name: str
) -> None:
    integration = outside_integration(name, module="acme")
    integration.events = (outside_event(f"acme.{name}.blocked", BlockedPlan),)
    install(integrations.GROUP, name, integration)
    loaded = integrations.load_integrations()
    assert (loaded.classes, list(loaded.refused)) == ({}, [name])


def test_the_names_in_a_group_are_known_without_loading_anything(install: Install) -> None:
    install(integrations.GROUP, "acme", error="no such module")
    assert plugins.installed_names(integrations.GROUP) == {"acme"}
