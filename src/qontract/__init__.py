"""Brings outside systems to their desired state, and tells everyone what it did as CloudEvents.

What the author of a handler or of an integration needs is here:

    from qontract import DomainEvent, EventData, EventHandler, Delivery, Policy, RetryLater, Reject
    from qontract import Action, DesiredState, Plan, Integration, IntegrationError, RateLimitedError
    from qontract import Failure, BlockedPlan

What their tests need is in `qontract.testing`; the event types are in `qontract.domain`, the ports in
`qontract.application.ports`. The rest may change from one version to the next.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qontract.application.ports.event_handler import Delivery, EventHandler, Policy, Reject, RetryLater
    from qontract.application.ports.integration import Integration, IntegrationError, RateLimitedError
    from qontract.domain.events import DomainEvent, EventData
    from qontract.domain.integration import Action, BlockedPlan, DesiredState, Failure, Plan
else:
    _HOMES = {
        "qontract.application.ports.event_handler": ("Delivery", "EventHandler", "Policy", "Reject", "RetryLater"),
        "qontract.application.ports.integration": ("Integration", "IntegrationError", "RateLimitedError"),
        "qontract.domain.events": ("DomainEvent", "EventData"),
        "qontract.domain.integration": ("Action", "BlockedPlan", "DesiredState", "Failure", "Plan"),
    }

    def _lazily(module, homes):  # noqa: ANN001, ANN202 - what is above has the types
        """Return what imports a public name of the module, with these globals, when it is asked for (PEP 562).

        So importing a package alone imports nothing else.
        """

        def import_name(name):  # noqa: ANN001, ANN202 - as above
            from importlib import import_module  # noqa: PLC0415 - as above

            for home, names in homes.items():
                if name in names:
                    found = module[name] = getattr(import_module(home), name)
                    return found
            raise AttributeError(f"module {module['__name__']!r} has no attribute {name!r}")

        return import_name

    __getattr__ = _lazily(globals(), _HOMES)


__all__ = [
    "Action",
    "BlockedPlan",
    "Delivery",
    "DesiredState",
    "DomainEvent",
    "EventData",
    "EventHandler",
    "Failure",
    "Integration",
    "IntegrationError",
    "Plan",
    "Policy",
    "RateLimitedError",
    "Reject",
    "RetryLater",
]
