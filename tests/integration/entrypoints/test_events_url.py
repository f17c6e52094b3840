"""The events have a Redis of their own; the jobs stay where they were."""

from pathlib import Path

import pytest
import redis

from qontract.application.event_manager import EventManager
from qontract.application.ports.kept_events import Span
from qontract.domain.events import DomainEvent
from qontract.domain.jobs import Job
from qontract.entrypoints.container import Container


def test_events_go_to_their_own_redis_and_jobs_to_the_other(
    valkey_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events_url = f"{valkey_url.removesuffix('/0')}/1"
    monkeypatch.setenv("QAPI_CACHE_BROKER_URL", valkey_url)
    monkeypatch.setenv("QAPI_EVENTS__URL", events_url)
    monkeypatch.setenv("QAPI_EVENTS__SPOOL", str(tmp_path / "spool"))
    monkeypatch.setenv("QAPI_AUTH__SECRET", "a-secret-of-at-least-thirty-two-bytes")
    container = Container()
    events = container.event_manager()
    assert isinstance(events, EventManager)
    events.publish_event(DomainEvent(type="a.b", data={}))
    container.job_queue().submit(Job(integration="test", payload={}))
    assert len(container.kept_events().page(Span(), 10)) == 1
    assert not any(container.server_check("api", writes=True).state()[:2])
    with redis.Redis.from_url(valkey_url) as jobs, redis.Redis.from_url(events_url) as kept:
        assert (jobs.exists("qontract:{main}:events"), jobs.exists("qontract:{main}:jobs")) == (0, 1)
        assert (kept.exists("qontract:{main}:events"), kept.exists("qontract:{main}:jobs")) == (1, 0)


def test_the_redis_that_cannot_be_used_is_named_by_its_setting(
    valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QAPI_CACHE_BROKER_URL", valkey_url)
    monkeypatch.setenv("QAPI_EVENTS__URL", "redis://127.0.0.1:1/0")
    check = Container().server_check
    assert check("api", writes=True).state().failing == "QAPI_EVENTS__URL: Redis does not answer"
    assert check("subscriber", writes=False).state().failing == "QAPI_EVENTS__URL: Redis does not answer"
