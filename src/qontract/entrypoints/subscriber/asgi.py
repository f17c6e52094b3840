"""The subscriber's ASGI application."""

import asyncio
import json
import logging
from contextlib import suppress
from typing import Any

from faststream.asgi import AsgiFastStream, AsgiResponse, get
from faststream.asgi.types import Scope
from faststream.redis import RedisBroker
from faststream.specification import AsyncAPI
from prometheus_client import make_asgi_app

from qontract.entrypoints.container import Container
from qontract.entrypoints.pages import asyncapi_page
from qontract.entrypoints.subscriptions import subscriptions

log = logging.getLogger(__name__)

STALLED_SECONDS = 30


def application(container: Container) -> AsgiFastStream:
    """Return it; its subscriptions run from its start-up to its shutdown."""
    settings = container.settings()
    broker: RedisBroker = container.faststream_broker()
    consumer = container.event_consumer(subscriptions(container))
    running: list[asyncio.Task[None]] = []

    async def start() -> None:
        if settings.events.stream:
            await consumer.check_eviction()
            running.append(asyncio.create_task(consumer.run()))
        else:
            log.warning("no subscription runs: QAPI_EVENTS__STREAM is empty, so no event is kept")

    async def stop() -> None:
        consumer.stop()
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*running), settings.subscriber.grace_seconds + 5)

    @get(include_in_schema=False)
    async def live(_: Scope) -> AsgiResponse:
        return _json({"status": "ok"})

    @get(include_in_schema=False)
    async def ready(_: Scope) -> AsgiResponse:
        stalled = consumer.stalled(STALLED_SECONDS) if running else []
        ended = any(task.done() for task in running)
        return _json({"status": "failed" if stalled or ended else "ok", "stalled": stalled}, ok=not (stalled or ended))

    def document() -> dict[str, Any]:
        return _merged(app.schema.to_specification().to_jsonable(), container.asyncapi())

    @get(include_in_schema=False)
    async def asyncapi_json(_: Scope) -> AsgiResponse:
        return _json(document())

    @get(include_in_schema=False)
    async def docs(_: Scope) -> AsgiResponse:
        html = asyncapi_page(document(), "asyncapi.json")
        return AsgiResponse(html.encode(), 200, {"content-type": "text/html; charset=utf-8"})

    app = AsgiFastStream(
        broker,
        logger=log,
        specification=AsyncAPI(title="qontract", version="0.1.0", description="What qontract did, as CloudEvents"),
        on_startup=[start],
        on_shutdown=[stop],
        asgi_routes=[
            ("/health/live", live),
            ("/health/ready", ready),
            ("/metrics", make_asgi_app()),
            ("/docs/asyncapi", docs),
            ("/docs/asyncapi.json", asyncapi_json),
        ],
    )
    return app


def _json(body: dict[str, Any], *, ok: bool = True) -> AsgiResponse:
    return AsgiResponse(json.dumps(body).encode(), 200 if ok else 503, {"content-type": "application/json"})


def _merged(document: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Return the document with all that `more` has, objects merged into objects."""
    both = document | more
    for key in document.keys() & more.keys():
        if isinstance(document[key], dict):
            both[key] = _merged(document[key], more[key])
    return both
