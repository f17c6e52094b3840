"""The catalogue of event types, read from the entry-point group `qontract.events`: class and package of each."""

from dataclasses import dataclass

from qontract.domain.events import DomainEvent, catalogue
from qontract.entrypoints.plugins import EVENTS, installed, load_event_types, package_of


@dataclass(frozen=True)
class EventType:
    """A type, its class, the package that brings it, and the first line of what the class says of itself."""

    type: str
    event_class: str
    package: str
    about: str


def event_types() -> list[EventType]:
    """Return every type that an installed package brings, by name. What cannot be imported is logged, and left out."""
    load_event_types()
    packages = {_root(entry.value): package_of(entry) for entry in installed(EVENTS, {}).values()}
    return [_described(name, kind, packages) for name, kind in sorted(catalogue().items())]


def _described(name: str, kind: type[DomainEvent], packages: dict[str, str]) -> EventType:
    home = kind.__module__
    about = (kind.__doc__ or "").strip().partition("\n")[0]
    return EventType(name, f"{home}.{kind.__qualname__}", packages.get(_root(home), _root(home)), about)


def _root(name: str) -> str:
    return name.partition(".")[0]
