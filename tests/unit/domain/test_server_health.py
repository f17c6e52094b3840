"""What of the server is not well, and what to do about it."""

from typing import Any

import pytest

from qontract.domain.health_findings import HealthStatus
from qontract.domain.server_health import ServerReplica, ServerView, findings_of_server


def view(**what: Any) -> ServerView:
    well = {"software": "Valkey", "version": "9.1.0", "compatible": (7, 2, 4), "address": "redis-1:6379"}
    return ServerView(**well | what)


def wrong(**what: Any) -> list[tuple[str, str]]:
    """Return the brief reasons for which such a server is not well, and what to do."""
    findings = findings_of_server(view(**what))
    return [(finding.brief, finding.next_step) for finding in findings if finding.wellness is HealthStatus.NOT_WELL]


def says(**what: Any) -> dict[str, str]:
    return {finding.name: finding.says for finding in findings_of_server(view(**what))}


def test_a_server_that_keeps_everything_on_disk_and_evicts_nothing_is_well() -> None:
    assert says(saved_seconds=200.0, used_bytes=12_345_678, max_bytes=100_000_000) == {
        "": "Valkey 9.1.0 at redis-1:6379",
        "disk": "append-only file on; last saved 3 min 20 s ago",
        "memory": "12.3 MB of 100.0 MB; noeviction",
    }
    assert wrong() == []


@pytest.mark.parametrize(
    ("what", "brief", "step"),
    [
        ({"loading": True}, "Redis still reads its files", "wait, and ask again"),
        (
            {"primary": False},
            "Redis is a replica, and takes no writes",
            "set QAPI_CACHE_BROKER_URL, or QAPI_EVENTS",
        ),
        ({"compatible": (6, 2, 14)}, "Redis is too old", "run Redis 7.0 or later, or Valkey"),
        ({"append_only_works": False}, "Redis cannot write its file", "look at the server's log"),
        ({"saving_works": False}, "Redis cannot save", "look at the server's log"),
        ({"append_only": False}, "Redis does not keep each change on disk", "redis-cli CONFIG SET appendonly yes"),
        ({"eviction": "allkeys-lru"}, "Redis may evict events (allkeys-lru)", "redis-cli CONFIG SET maxmemory-policy"),
        (
            {"eviction": "volatile-ttl"},
            "Redis may evict events (volatile-ttl)",
            "redis-cli CONFIG SET maxmemory-policy",
        ),
        ({"used_bytes": 95, "max_bytes": 100}, "Redis is 95 % full", "give it more: redis-cli CONFIG SET maxmemory"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_thing_that_is_wrong_has_its_reason_and_the_next_command(
    what: dict[str, Any], brief: str, step: str
) -> None:
    [(reason, next_step)] = wrong(**what)
    assert reason == brief
    assert next_step.startswith(step)


def test_without_an_append_only_file_it_says_what_a_crash_loses() -> None:
    assert "a crash loses everything" in says(append_only=False)["disk"]
    assert "a crash loses what came since" in says(append_only=False, saved_seconds=90)["disk"]


def test_a_replica_in_step_stands_for_the_append_only_file() -> None:
    replica = ServerReplica("10.0.0.2:6379", in_step=True, lag_seconds=1)
    assert wrong(append_only=False, replicas=(replica,)) == []
    assert says(replicas=(replica,))["replicas"] == "1 replica in step, 1 s behind at most"


@pytest.mark.parametrize(
    ("replica", "reason"),
    [
        (ServerReplica("10.0.0.2:6379", in_step=False, lag_seconds=0), "a replica of Redis is not in step"),
        (
            ServerReplica("10.0.0.2:6379", in_step=True, lag_seconds=80),
            "a replica of Redis has said nothing for 1 min 20 s",
        ),
    ],
    ids=["not in step", "silent"],
)
def test_a_replica_that_does_not_follow_is_named(replica: ServerReplica, reason: str) -> None:
    [(brief, step)] = wrong(replicas=(replica, ServerReplica("10.0.0.3:6379", in_step=True, lag_seconds=1)))
    assert brief == reason.replace("80 s", "1 min 20 s")
    assert step.startswith("look at the log of the replica")
    assert "10.0.0.2" in says(replicas=(replica,))["replicas"]


def test_what_the_server_does_not_say_is_not_held_against_it() -> None:
    assert wrong(eviction="") == []
    assert says(eviction="")["memory"].endswith("eviction not known")


@pytest.mark.parametrize(
    ("what", "name"),
    [
        ({"loading": True}, ""),
        ({"primary": False}, ""),
        ({"compatible": (6, 2, 14)}, ""),
        ({"append_only_works": False}, "disk"),
        ({"saving_works": False}, "disk"),
        ({"append_only": False}, "disk"),
        ({"eviction": "allkeys-lru"}, "memory"),
        ({"used_bytes": 90, "max_bytes": 100}, "memory"),
        ({"replicas": (ServerReplica("10.0.0.2:6379", in_step=False, lag_seconds=0),)}, "replicas"),
    ],
    ids=str,
)
def test_what_is_wrong_is_told_of_redis_and_of_a_part_of_it(what: dict[str, Any], name: str) -> None:
    findings = list(findings_of_server(view(**what)))
    assert {finding.thing for finding in findings} == {"redis"}
    assert [finding.name for finding in findings if finding.wellness is HealthStatus.NOT_WELL] == [name]


def test_a_replica_that_was_silent_for_a_minute_is_still_in_step() -> None:
    findings = list(findings_of_server(view(replicas=(ServerReplica("10.0.0.2:6379", in_step=True, lag_seconds=60),))))
    assert {(finding.thing, finding.wellness) for finding in findings} == {("redis", HealthStatus.WELL)}


def test_a_server_without_a_limit_says_so() -> None:
    assert says(used_bytes=1_000_000)["memory"] == "1.0 MB, no limit; noeviction"
