"""Redis: events go out through its streams and channels, and come in again."""

from qontract.adapters.redis.async_event_publisher import RedisAsyncEventPublisher
from qontract.adapters.redis.broker import RedisBroker
from qontract.adapters.redis.dead_letters import RedisDeadLetters
from qontract.adapters.redis.delivery_states import RedisDeliveryStates
from qontract.adapters.redis.event_log import RedisEventLog
from qontract.adapters.redis.event_publisher import RedisEventPublisher
from qontract.adapters.redis.intents import RedisIntents
from qontract.adapters.redis.kept_events import RedisKeptEvents
from qontract.adapters.redis.process_registry import RedisProcessRegistry
from qontract.adapters.redis.redrive_runs import RedisRedriveRuns
from qontract.adapters.redis.replication_history import RedisReplicationHistory
from qontract.adapters.redis.server_check import RedisServerCheck
from qontract.adapters.redis.server_info import RedisServerInfo
from qontract.adapters.redis.subscriptions import RedisSubscriptions

__all__ = [
    "RedisAsyncEventPublisher",
    "RedisBroker",
    "RedisDeadLetters",
    "RedisDeliveryStates",
    "RedisEventLog",
    "RedisEventPublisher",
    "RedisIntents",
    "RedisKeptEvents",
    "RedisProcessRegistry",
    "RedisRedriveRuns",
    "RedisReplicationHistory",
    "RedisServerCheck",
    "RedisServerInfo",
    "RedisSubscriptions",
]
