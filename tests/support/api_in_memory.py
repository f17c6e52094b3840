"""The API with its adapters in memory."""

from collections.abc import Mapping
from typing import Any

from dependency_injector import providers
from fastapi import FastAPI

from qontract.adapters.memory import InMemoryProcessRegistry, InMemoryServerCheck
from qontract.application.ports.event_log import Measures
from qontract.application.ports.job_queue import JobQueue
from qontract.application.ports.server_check import ServerCheck
from qontract.entrypoints.api import create_app
from qontract.entrypoints.container import Container
from qontract.entrypoints.integrations import InstalledIntegrations
from qontract.entrypoints.settings import Settings
from qontract.entrypoints.settings.groups import ApiSettings, AuthSettings

SECRET = "a-secret-of-at-least-thirty-two-bytes"


def api_in_memory(
    queue: JobQueue,
    installed: InstalledIntegrations,
    api: Mapping[str, Any],
    auth: Mapping[str, Any],
    server: ServerCheck | None = None,
) -> FastAPI:
    """Return it, with these settings of its own and of its tokens."""
    container = Container()
    settings = Settings(auth=AuthSettings(**{"secret": SECRET, **auth}), api=ApiSettings(**api))
    container.settings.override(providers.Object(settings))
    container.job_queue.override(providers.Object(queue))
    container.installed_integrations.override(providers.Object(installed))
    container.server_check.override(providers.Object(server or InMemoryServerCheck()))
    container.measure.override(providers.Object(_measure))
    container.process_registry.override(providers.Object(InMemoryProcessRegistry()))
    return create_app(container)


async def _measure() -> dict[str, Measures]:
    """How far the subscriptions have come, without a server."""
    return {"audit-log": Measures(5, 4, 3.5, 2, 1)}
