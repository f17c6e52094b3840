"""The subscriber's ASGI application."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import asdict
from typing import Any

from faststream.asgi import AsgiFastStream, AsgiResponse, get
from faststream.asgi.types import Scope
from faststream.redis import RedisBroker
from faststream.specification import AsyncAPI

from qontract.application import tracing
from qontract.application.ports.event_log import EventLogError
from qontract.application.ports.event_log_connection import EventLogConnection
from qontract.application.ports.server_check import ServerCheck
from qontract.domain.processes import ProcessKind
from qontract.entrypoints import metrics, plugins
from qontract.entrypoints.container import Container
from qontract.entrypoints.process_registration import registered, this_process
from qontract.entrypoints.serving import health
from qontract.entrypoints.serving.api_docs_pages import asyncapi_page
from qontract.entrypoints.subscriber.background_tasks import keep_running
from qontract.entrypoints.subscriber.deliveries import Deliveries, deliveries_of
from qontract.entrypoints.subscriber.stream_maintenance import StreamMaintenance
from qontract.entrypoints.subscriptions import load_subscriptions

log = logging.getLogger(__name__)


def application(container: Container) -> AsgiFastStream:
    """Return it; its subscriptions run from its start-up to its shutdown."""
    settings = container.settings()
    broker: RedisBroker = container.faststream_broker()
    event_types = plugins.load_event_types()  # before the handlers: what these want is compared with what is known
    loaded = load_subscriptions(settings.subscriber)
    refused = plugins.merged(event_types, loaded.refused)
    metrics.REFUSED.set(len(loaded.refused))
    connection: EventLogConnection = container.event_log_connection()
    deliveries = deliveries_of(container, loaded)
    maintenance = StreamMaintenance(connection, loaded.subscriptions, settings.subscriber)
    keeping = bool(settings.events.stream)
    stack = AsyncExitStack()

    async def start() -> None:
        names = [subscription.name for subscription in loaded.subscriptions]
        stack.enter_context(registered(container, this_process(container, ProcessKind.SUBSCRIBER, names, refused)))
        if not keeping:
            log.warning("subscriptions not run; QAPI_EVENTS__STREAM is empty, and no event is kept")
            return
        await stack.enter_async_context(connection)
        await _check_eviction(connection, refuse=settings.subscriber.refuse_eviction)
        await deliveries.start(connection)
        keeping_up = asyncio.create_task(keep_running("stream maintenance", maintenance.run))
        stack.callback(keeping_up.cancel)
        stack.push_async_callback(deliveries.stop)

    async def close_tracing() -> None:  # FastStream gives what has no signature arguments of its own
        await asyncio.to_thread(tracing.close)

    def document() -> dict[str, Any]:
        return _merged(app.schema.to_specification().to_jsonable(), container.asyncapi())

    server = container.server_check("subscriber", writes=False)
    ready = _ready(deliveries, maintenance, refused, server, keeping=keeping)
    metrics_page = _metrics(deliveries, connection, keeping=keeping)
    pages = health.application(live=_live(deliveries), ready=ready, metrics=metrics_page)
    app = AsgiFastStream(
        broker,
        logger=log,
        specification=AsyncAPI(title="qontract", version="0.1.0", description="What qontract did, as CloudEvents"),
        on_startup=[start],
        on_shutdown=[stack.aclose, close_tracing],
        asgi_routes=[
            *((path, pages) for path in ("/health/live", "/health/ready", "/metrics")),
            *_document_routes(document),
        ],
    )
    return app


def _document_routes(document: Callable[[], dict[str, Any]]) -> list[tuple[str, Any]]:
    """Return the routes of the AsyncAPI document: as a page, and as JSON."""

    async def page(_: Scope) -> AsgiResponse:
        html = asyncapi_page(document(), "asyncapi.json")
        return AsgiResponse(html.encode(), 200, {"content-type": "text/html; charset=utf-8"})

    async def asyncapi(_: Scope) -> AsgiResponse:
        return AsgiResponse(json.dumps(document()).encode(), 200, {"content-type": "application/json"})

    return [
        ("/docs/asyncapi", get(page, include_in_schema=False)),
        ("/docs/asyncapi.json", get(asyncapi, include_in_schema=False)),
    ]


async def _check_eviction(connection: EventLogConnection, *, refuse: bool) -> None:
    """Warn of a server that may evict the stream itself. Raises SystemExit if that is to be refused."""
    try:
        policy = await connection.evicting_policy()
    except EventLogError as error:
        log.info("maxmemory-policy of the server is not known", extra={"error": str(error)})
        return
    if policy and refuse:
        raise SystemExit(f"qontract: the server's maxmemory-policy is {policy}: set noeviction, or events are lost")
    if policy:
        log.warning("server may evict events; set its maxmemory-policy to noeviction", extra={"policy": policy})


def _live(deliveries: Deliveries) -> health.Health:
    async def live() -> Mapping[str, Any]:
        reason = deliveries.hopeless
        return {"status": "failed", "reason": reason} if reason else health.OK

    return live


def _ready(
    deliveries: Deliveries,
    maintenance: StreamMaintenance,
    refused: dict[str, str],
    server: ServerCheck,
    *,
    keeping: bool,
) -> health.Health:
    async def ready() -> Mapping[str, Any]:
        state = await health.check_server(server)
        blocked = deliveries.blocked
        unattended = maintenance.unattended & deliveries.standing_by()  # one that is read here says so by itself
        body = {
            "stalled": deliveries.stalled() if keeping else [],
            "blocked": [asdict(blocked)] if blocked else [],
            "unattended": sorted(unattended),
            "behind": sorted(maintenance.behind),
            "stuck": deliveries.stuck(),
            "refused": sorted(refused),
            "stale": deliveries.stale(),
        } | ({"redis": state.refused} if state.refused else {})
        ok = not (state.refused or body["stalled"] or body["blocked"] or body["unattended"])
        return {"status": "ok" if ok else "failed"} | body

    return ready


def _metrics(
    deliveries: Deliveries, connection: EventLogConnection, *, keeping: bool
) -> Callable[[], Awaitable[bytes]]:
    async def page() -> bytes:
        for name, number in deliveries.in_flight().items():
            metrics.IN_FLIGHT.labels(name).set(number)
        return await metrics.exposition(connection.measures if keeping else None)

    return page


def _merged(document: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Return the document with all that `more` has, objects merged into objects."""
    both = document | more
    for key in document.keys() & more.keys():
        if isinstance(document[key], dict):
            both[key] = _merged(document[key], more[key])
    return both
