"""What shows operators the system and lets them change it, and says who may do what, from the settings."""

from collections.abc import Callable
from socket import gethostname

from qontract.application.control.subscriptions import SubscriptionControl
from qontract.application.event_manager import EventManager
from qontract.application.inspection.event_explanations import EventExplanations, Stores
from qontract.application.inspection.status import SystemStatus
from qontract.application.ports.dead_letters import DeadLetters
from qontract.application.ports.event_format import EventFormat
from qontract.application.ports.job_admin import JobAdmin
from qontract.application.ports.kept_events import KeptEvents
from qontract.application.ports.process_registry import ProcessRegistry
from qontract.application.ports.redrive_runs import RedriveRuns
from qontract.application.ports.server_check import ServerCheck
from qontract.application.server_checks import ServerChecks
from qontract.application.token_keys import TokenKeys
from qontract.domain.processes import ProcessKind
from qontract.entrypoints.metrics import JWKS_FAILED
from qontract.entrypoints.plugins import error_text
from qontract.entrypoints.settings import Settings

_QUICK = 2.0
"""For so many seconds somebody who waits for one sentence waits for Redis."""


def dead_letters(settings: Settings, timeout: float = 5.0) -> DeadLetters:
    from qontract.adapters.redis import RedisDeadLetters

    events = settings.events
    url = settings.events_url
    return RedisDeadLetters(url, channel=events.channel, stream=events.stream, timeout=timeout)


def redrive_runs(settings: Settings) -> RedriveRuns:
    from qontract.adapters.redis import RedisRedriveRuns

    events = settings.events
    url = settings.events_url
    return RedisRedriveRuns(url, channel=events.channel, stream=events.stream)


def kept_events(settings: Settings, timeout: float = 5.0) -> KeptEvents:
    from qontract.adapters.redis import RedisKeptEvents

    url = settings.events_url
    return RedisKeptEvents(url, stream=settings.events.stream, timeout=timeout)


def subscription_control(settings: Settings) -> SubscriptionControl:
    from qontract.adapters.redis import RedisSubscriptions

    events, url = settings.events, settings.events_url
    subscriptions = RedisSubscriptions(url, channel=events.channel, stream=events.stream)
    return SubscriptionControl(subscriptions, abandoned_seconds=settings.subscriber.abandoned_seconds)


def why(settings: Settings, event_format: EventFormat) -> EventExplanations:
    from qontract.adapters.redis import RedisBroker, RedisDeliveryStates, RedisIntents, RedisSubscriptions
    from qontract.adapters.sqlite import SqliteEventSpool

    events, url = settings.events, settings.events_url
    channel, stream = events.channel, events.stream
    stores = Stores(
        kept=kept_events(settings, _QUICK),
        subscriptions=RedisSubscriptions(url, channel=channel, stream=stream, timeout=_QUICK),
        states=RedisDeliveryStates(url, channel=channel, stream=stream, source=events.source, timeout=_QUICK),
        letters=dead_letters(settings, _QUICK),
        event_format=event_format,
        spool=SqliteEventSpool(events.spool, max_bytes=events.spool_max_bytes),
        intents=RedisIntents(RedisBroker(url), channel=events.channel, source=events.source),
        machine=gethostname(),
    )
    return EventExplanations(stores)


def process_registry(settings: Settings) -> ProcessRegistry:
    from qontract.adapters.redis import RedisProcessRegistry

    return RedisProcessRegistry(settings.events_url, channel=settings.events.channel)


def status(
    settings: Settings,
    process_registry: ProcessRegistry,
    job_admin: Callable[[], JobAdmin],
    manager: EventManager | None,
) -> SystemStatus:
    from qontract.adapters.redis import RedisServerInfo, RedisSubscriptions

    events, url = settings.events, settings.events_url
    kept = events.enabled and events.stream
    return SystemStatus(
        RedisServerInfo(url, channel=events.channel),
        process_registry,
        job_admin if settings.auth.secret else None,
        RedisSubscriptions(url, channel=events.channel, stream=events.stream, timeout=_QUICK) if kept else None,
        manager,
        spool=(gethostname(), str(events.spool)),
        needed=set(ProcessKind) - (set() if kept else {ProcessKind.SUBSCRIBER}),
        abandoned_seconds=settings.subscriber.abandoned_seconds,
    )


def server_check(settings: Settings, process: str, *, writes: bool) -> ServerCheck:
    """Return what knows what the process needs of Redis; with `writes`, also that it can be written to."""
    from qontract.adapters.redis import RedisServerCheck
    from qontract.adapters.redis.acl import AclUser

    events, asking = settings.events, AclUser(process)
    servers = {"QAPI_CACHE_BROKER_URL": settings.cache_broker_url, "QAPI_EVENTS__URL": events.url}
    if asking is AclUser.SUBSCRIBER and events.url:
        del servers["QAPI_CACHE_BROKER_URL"]
    checks: dict[str, ServerCheck] = {
        setting: RedisServerCheck(
            url.get_secret_value(),
            asking,
            channel=events.channel,
            stream=events.stream,
            writes=writes,
            fsync=events.enabled and events.fsync and events.url in {None, url},
        )
        for setting, url in servers.items()
        if url
    }
    return ServerChecks(checks) if events.url else checks["QAPI_CACHE_BROKER_URL"]


def acl(settings: Settings) -> Callable[[str, str], str]:
    """Return what makes the rule of a process for a user of Redis. It raises ValueError if there can be none."""
    from qontract.adapters.redis.acl import AclUser, rule

    events = settings.events
    return lambda process, user: rule(AclUser(process), channel=events.channel, stream=events.stream, user=user)


def token_keys(settings: Settings) -> TokenKeys | None:
    """Return the keys of who issues tokens; None if nobody does but us. Raises SystemExit if they cannot be used."""
    source = settings.auth.jwks
    if not source:
        return None
    try:
        from qontract.adapters.jwks import FileKeySet, key_set_at

        key_set = key_set_at(source)
    except (ImportError, ValueError) as error:
        raise SystemExit(f"qontract: QAPI_AUTH__JWKS: {error_text(error)}") from None
    fresh, pause = (2, 1) if isinstance(key_set, FileKeySet) else (300, 10)
    return TokenKeys(key_set, fresh=fresh, pause=pause, count_failure=JWKS_FAILED.inc)
