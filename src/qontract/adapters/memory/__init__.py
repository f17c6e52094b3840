"""All ports in memory, for the tests of authors."""

from qontract.adapters.memory.async_event_publisher import InMemoryAsyncEventPublisher
from qontract.adapters.memory.dead_letters import InMemoryDeadLetters
from qontract.adapters.memory.delivery_states import InMemoryDeliveryStates
from qontract.adapters.memory.event_handler import InMemoryEventHandler
from qontract.adapters.memory.event_log import InMemoryEventLog
from qontract.adapters.memory.event_publisher import InMemoryEventPublisher
from qontract.adapters.memory.event_spool import InMemoryEventSpool
from qontract.adapters.memory.event_store import InMemoryEventStore
from qontract.adapters.memory.github_teams import InMemoryGithubTeams
from qontract.adapters.memory.intents import InMemoryIntents
from qontract.adapters.memory.job_admin import InMemoryJobAdmin
from qontract.adapters.memory.job_queue import InMemoryJobQueue
from qontract.adapters.memory.kept_events import InMemoryKeptEvents
from qontract.adapters.memory.key_set import InMemoryKeySet
from qontract.adapters.memory.process_registry import InMemoryProcessRegistry
from qontract.adapters.memory.redrive_runs import InMemoryRedriveRuns
from qontract.adapters.memory.replication_history import InMemoryReplicationHistory
from qontract.adapters.memory.server_check import InMemoryServerCheck
from qontract.adapters.memory.server_info import InMemoryServerInfo
from qontract.adapters.memory.slack_usergroups import InMemorySlackUsergroups
from qontract.adapters.memory.subscriptions import InMemorySubscriptions
from qontract.adapters.memory.tracer import InMemoryTracer

__all__ = [
    "InMemoryAsyncEventPublisher",
    "InMemoryDeadLetters",
    "InMemoryDeliveryStates",
    "InMemoryEventHandler",
    "InMemoryEventLog",
    "InMemoryEventPublisher",
    "InMemoryEventSpool",
    "InMemoryEventStore",
    "InMemoryGithubTeams",
    "InMemoryIntents",
    "InMemoryJobAdmin",
    "InMemoryJobQueue",
    "InMemoryKeptEvents",
    "InMemoryKeySet",
    "InMemoryProcessRegistry",
    "InMemoryRedriveRuns",
    "InMemoryReplicationHistory",
    "InMemoryServerCheck",
    "InMemoryServerInfo",
    "InMemorySlackUsergroups",
    "InMemorySubscriptions",
    "InMemoryTracer",
]
