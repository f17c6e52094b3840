"""The walk of one event, as the page about the architecture tells it."""

import json
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient

from qontract.entrypoints.api import create_app
from qontract.entrypoints.container import Container
from tests.support.api_process import PATH, token
from tests.support.delivering import Seen
from tests.support.paths import ROOT
from tests.support.redis_delivery import replica
from tests.support.slack_sandbox import Sandbox
from tests.support.waiting import eventually
from tests.support.worker_process import SECRET

HOP = re.compile(r"^(\d+)\. \[`([\w.]+)`\]\(\.\./(src/[\w/]+\.py)\)", re.MULTILINE)
DESIRED = {"workspaces": [{"name": "coreos", "usergroups": [{"handle": "team-a", "users": ["bob"]}]}], "dry_run": False}


@contextmanager
def calls_of_qontract() -> Iterator[list[tuple[str, str]]]:
    """Note the file and the name of each function of qontract that begins meanwhile, on any thread."""
    calls: list[tuple[str, str]] = []
    src = f"{ROOT}/src/"

    def note(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(src):
            calls.append((code.co_filename.removeprefix(f"{ROOT}/"), code.co_qualname.rpartition("<locals>.")[2]))

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield calls
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


@pytest.mark.anyio
async def test_one_event_goes_from_the_request_to_the_handler_in_twelve_hops_at_most_as_the_page_says(
    valkey_url: str, slack_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hops = [(file, name) for _, name, file in HOP.findall((ROOT / "docs/architecture.md").read_text())]
    assert 1 < len(hops) <= 12
    for name, value in {
        "CACHE_BROKER_URL": valkey_url,
        "AUTH__SECRET": SECRET,
        "EVENTS__SPOOL": str(tmp_path / "spool.sqlite"),
        "SLACK__API_URL": slack_sandbox.url,
        "SLACK__TOKENS": json.dumps({"coreos": "xoxb-sandbox-coreos"}),
    }.items():
        monkeypatch.setenv(f"QAPI_{name}", value)
    container, handler = Container(), Seen("qontract-api.slack-usergroups.update_users")
    api, queue = ASGITransport(create_app(container)), container.worker_job_queue()
    with calls_of_qontract() as calls:
        async with replica(valkey_url, handler):
            async with AsyncClient(transport=api, base_url="http://api") as client:
                accepted = await client.post(PATH, json=DESIRED, headers=token("reconcile:apply", secret=SECRET))
                assert accepted.status_code == 202, accepted.text
            assert queue.run(accepted.json()["id"])
            await eventually(lambda: len(handler.events) == 1)
    at = 0
    for hop in hops:
        assert hop in calls[at:], f"{hop} is not called after the one before it"
        at = calls.index(hop, at)
