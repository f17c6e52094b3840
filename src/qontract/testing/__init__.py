"""For authors: handlers and integrations in a test, without Redis and without waiting.

- `deliver(handler, *events)` runs a handler under its policy. `InMemorySubscriber` runs several handlers, for longer.
- `reconcile(integration, desired)` runs an integration. `InMemoryEventManager` has its events in a list.
- `example(UsergroupCreated, usergroup="team-b")` makes an event. `fail(adapter, "apply", error)` makes a call fail.
- The contracts are test suites to inherit: each one tests an integration, a handler, or an adapter of a port. They need
  pytest, as do the fixtures of the plugin: `events`, `subscriber` and `container`.
- There is an adapter in memory for every port.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qontract.adapters.memory import (
        InMemoryAsyncEventPublisher,
        InMemoryDeadLetters,
        InMemoryDeliveryStates,
        InMemoryEventHandler,
        InMemoryEventLog,
        InMemoryEventPublisher,
        InMemoryEventSpool,
        InMemoryEventStore,
        InMemoryIntents,
        InMemoryJobAdmin,
        InMemoryJobQueue,
        InMemoryKeptEvents,
        InMemoryKeySet,
        InMemoryProcessRegistry,
        InMemoryRedriveRuns,
        InMemoryReplicationHistory,
        InMemoryServerCheck,
        InMemoryServerInfo,
        InMemorySubscriptions,
        InMemoryTracer,
    )
    from qontract.adapters.memory.faults import fail
    from qontract.testing.contracts.dead_letters import DeadLettersContract
    from qontract.testing.contracts.event_format import EventFormatContract
    from qontract.testing.contracts.event_handler import EventHandlerContract
    from qontract.testing.contracts.event_log import EventLogContract
    from qontract.testing.contracts.event_publisher import EventPublisherContract
    from qontract.testing.contracts.event_spool import EventSpoolContract
    from qontract.testing.contracts.integration import IntegrationContract
    from qontract.testing.contracts.intents import IntentsContract
    from qontract.testing.event_manager import InMemoryEventManager
    from qontract.testing.examples import example
    from qontract.testing.reconciling import InMemoryJobSlice, reconcile
    from qontract.testing.subscriber import InMemorySubscriber, Outcome, deliver
else:
    _HOMES = {
        "qontract.adapters.memory": (
            "InMemoryAsyncEventPublisher",
            "InMemoryDeadLetters",
            "InMemoryEventHandler",
            "InMemoryEventLog",
            "InMemoryEventPublisher",
            "InMemoryEventSpool",
            "InMemoryEventStore",
            "InMemoryIntents",
            "InMemoryJobQueue",
            "InMemoryKeptEvents",
            "InMemoryJobAdmin",
            "InMemoryKeySet",
            "InMemoryProcessRegistry",
            "InMemoryRedriveRuns",
            "InMemoryServerCheck",
            "InMemoryReplicationHistory",
            "InMemoryServerInfo",
            "InMemorySubscriptions",
            "InMemoryTracer",
            "InMemoryDeliveryStates",
        ),
        "qontract.adapters.memory.faults": ("fail",),
        "qontract.testing.contracts.dead_letters": ("DeadLettersContract",),
        "qontract.testing.contracts.event_format": ("EventFormatContract",),
        "qontract.testing.contracts.event_handler": ("EventHandlerContract",),
        "qontract.testing.contracts.event_log": ("EventLogContract",),
        "qontract.testing.contracts.event_publisher": ("EventPublisherContract",),
        "qontract.testing.contracts.event_spool": ("EventSpoolContract",),
        "qontract.testing.contracts.integration": ("IntegrationContract",),
        "qontract.testing.contracts.intents": ("IntentsContract",),
        "qontract.testing.event_manager": ("InMemoryEventManager",),
        "qontract.testing.examples": ("example",),
        "qontract.testing.reconciling": ("InMemoryJobSlice", "reconcile"),
        "qontract.testing.subscriber": ("InMemorySubscriber", "Outcome", "deliver"),
    }

    from qontract import _lazily

    # Only the contracts need pytest, and pytest's plugin costs nothing.
    __getattr__ = _lazily(globals(), _HOMES)


__all__ = [
    "DeadLettersContract",
    "EventFormatContract",
    "EventHandlerContract",
    "EventLogContract",
    "EventPublisherContract",
    "EventSpoolContract",
    "InMemoryAsyncEventPublisher",
    "InMemoryDeadLetters",
    "InMemoryDeliveryStates",
    "InMemoryEventHandler",
    "InMemoryEventLog",
    "InMemoryEventManager",
    "InMemoryEventPublisher",
    "InMemoryEventSpool",
    "InMemoryEventStore",
    "InMemoryIntents",
    "InMemoryJobAdmin",
    "InMemoryJobQueue",
    "InMemoryJobSlice",
    "InMemoryKeptEvents",
    "InMemoryKeySet",
    "InMemoryProcessRegistry",
    "InMemoryRedriveRuns",
    "InMemoryReplicationHistory",
    "InMemoryServerCheck",
    "InMemoryServerInfo",
    "InMemorySubscriber",
    "InMemorySubscriptions",
    "InMemoryTracer",
    "IntegrationContract",
    "IntentsContract",
    "Outcome",
    "deliver",
    "example",
    "fail",
    "reconcile",
]
