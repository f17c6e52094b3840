"""All ports in memory, for the tests of authors."""

from qontract.adapters.memory.async_event_publisher import InMemoryAsyncEventPublisher
from qontract.adapters.memory.dead_letters import InMemoryDeadLetters
from qontract.adapters.memory.delivery_states import InMemoryDeliveryStates
from qontract.adapters.memory.event_handler import InMemoryEventHandler
from qontract.adapters.memory.event_log import InMemoryEventLog
from qontract.adapters.memory.event_publisher import InMemoryEventPublisher
from qontract.adapters.memory.event_spool import InMemoryEventSpool
from qontract.adapters.memory.events import InMemoryEvents
from qontract.adapters.memory.github_teams import InMemoryGithubTeams
from qontract.adapters.memory.intents import InMemoryIntents
from qontract.adapters.memory.job_queue import InMemoryJobQueue
from qontract.adapters.memory.kept_events import InMemoryKeptEvents
from qontract.adapters.memory.kept_jobs import InMemoryKeptJobs
from qontract.adapters.memory.key_set import InMemoryKeySet
from qontract.adapters.memory.presence import InMemoryPresence
from qontract.adapters.memory.redrive_runs import InMemoryRedriveRuns
from qontract.adapters.memory.server_check import InMemoryServerCheck
from qontract.adapters.memory.server_history import InMemoryServerHistory
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
    "InMemoryEvents",
    "InMemoryGithubTeams",
    "InMemoryIntents",
    "InMemoryJobQueue",
    "InMemoryKeptEvents",
    "InMemoryKeptJobs",
    "InMemoryKeySet",
    "InMemoryPresence",
    "InMemoryRedriveRuns",
    "InMemoryServerCheck",
    "InMemoryServerHistory",
    "InMemoryServerInfo",
    "InMemorySlackUsergroups",
    "InMemorySubscriptions",
    "InMemoryTracer",
]
