"""Brings outside systems to their desired state, and tells everyone what it did as CloudEvents.

What the author of a handler needs is here: `from qontract import DomainEvent, Delivery, EventHandler`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qontract.application.ports.event_handler import Delivery, EventHandler, Policy, Reject, RetryLater
    from qontract.domain.events import DomainEvent, EventData
else:
    _HOMES = {
        "qontract.application.ports.event_handler": {"Delivery", "EventHandler", "Policy", "Reject", "RetryLater"},
        "qontract.domain.events": {"DomainEvent", "EventData"},
    }

    def __getattr__(name):  # noqa: ANN001, ANN202 - what is above has the types
        """Import a public name when it is asked for (PEP 562): importing the package alone imports nothing else."""
        from importlib import import_module  # noqa: PLC0415 - as above

        for home, names in _HOMES.items():
            if name in names:
                found = globals()[name] = getattr(import_module(home), name)
                return found
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["Delivery", "DomainEvent", "EventData", "EventHandler", "Policy", "Reject", "RetryLater"]
