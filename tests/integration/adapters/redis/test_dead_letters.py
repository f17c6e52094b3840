"""The dead letters in a real Valkey, and their commands as processes."""

import json
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from qontract.application.ports.dead_letters import DeadLettersError
from qontract.domain.dead_letters import group_id
from qontract.testing.contracts.dead_letters import CAUSE, EVENT, FAILURES, DeadLettersContract, Store
from tests.support.processes import free_port
from tests.support.redis_event_log import dead_letters_at
from tests.support.redis_letters import DEAD, PREFIX, lines, qontract, store_at


@pytest.fixture
def server(valkey_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(valkey_url) as client:
        yield client


@pytest.fixture
def store(valkey_url: str, server: redis.Redis) -> Store:
    return store_at(valkey_url, server)


class TestRedisDeadLetters(DeadLettersContract):
    @pytest.fixture
    def store(self, store: Store) -> Store:
        return store


def test_a_redrive_writes_to_no_other_key(store: Store, server: redis.Redis) -> None:
    server.xadd(f"{PREFIX}events", {"__data__": EVENT})
    first, second = store.die("audit-log"), store.die("slack")
    assert store.dead_letters.redrive(first)
    names = ("events", "dead", "redriven:audit-log", "redrives")
    assert set(server.keys()) == {f"{PREFIX}{key}".encode() for key in names}
    assert server.xlen(f"{PREFIX}events") == 1
    assert store.ids() == [second]


def test_a_letter_that_could_not_be_moved_stays(store: Store, server: redis.Redis) -> None:
    id_ = store.die("s")
    server.set(f"{PREFIX}redriven:s", "not a stream")
    with pytest.raises(DeadLettersError, match="WRONGTYPE"):
        store.dead_letters.redrive(id_)
    assert store.ids() == [id_]


@pytest.mark.parametrize(
    "fields",
    [
        {"__data__": b"x"},
        {"other": "x"},
        {"subscription": "s", "failures": "[1]"},
        {"__data__": b"\xff", "failures": "?"},
    ],
)
def test_an_entry_that_is_not_ours_is_shown_never_redriven_and_can_be_discarded(
    store: Store, server: redis.Redis, fields: dict[Any, Any]
) -> None:
    added: Any = server.xadd(DEAD, fields)
    foreign, ours = added.decode(), store.die("s")
    assert store.ids() == [foreign, ours]
    assert not store.dead_letters.redrive(foreign)
    assert store.ids() == [foreign, ours]
    assert store.redriven() == {}
    assert store.dead_letters.discard(foreign)


def test_letters_are_read_in_bounded_memory(store: Store) -> None:
    for number in range(1000):
        store.die("s", b"%d" % number + b"x" * 10_000)
    tracemalloc.start()
    count = sum(1 for _ in store.dead_letters.iterate())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 1000
    assert peak < 5_000_000


def away() -> str:
    return f"redis://:hush@127.0.0.1:{free_port()}/0"


def test_a_redis_that_is_away_is_one_error_without_the_password() -> None:
    dead_letters = dead_letters_at(away())
    for call in (
        lambda: list(dead_letters.iterate()),
        lambda: dead_letters.get("1-1"),
        lambda: dead_letters.redrive("1-1"),
        lambda: dead_letters.discard("1-1"),
    ):
        with pytest.raises(DeadLettersError, match="ConnectionError") as raised:
            call()
        assert "hush" not in str(raised.value)


def test_the_list_shows_each_letter_on_a_line_and_filters_choose(store: Store, valkey_url: str) -> None:
    first, second = store.die("audit-log"), store.die("slack", b"\xff\x1b[2J")
    assert lines(qontract("list", url=valkey_url)) == [
        [
            first,
            "2026-01-31T09:30:02+00:00",
            "audit-log",
            "a.b",
            "coreos/team-a",
            "2",
            r"ValueError: Grüße\u001b[2J\nand more",
        ],
        [second, "2026-01-31T09:30:02+00:00", "slack", "-", "-", "2", r"ValueError: Grüße\u001b[2J\nand more"],
    ]
    chosen = qontract("list", "--type", "a.*", "--subject", "coreos/team-a", "--older-than", "60", url=valkey_url)
    assert [line[0] for line in lines(chosen)] == [first]
    assert lines(qontract("list", "--subscription", "other", url=valkey_url)) == []


def test_the_list_as_json_has_everything(store: Store, valkey_url: str) -> None:
    id_ = store.die("audit-log")
    (line,) = qontract("list", "--json", url=valkey_url).stdout.splitlines()
    assert json.loads(line) == {
        "id": id_,
        "subscription": "audit-log",
        "entry": "1-1",
        "type": "a.b",
        "subject": "coreos/team-a",
        "event_id": "1",
        "failures": [{"time": failure.time.isoformat(), "error": failure.error} for failure in FAILURES],
        "cause": str(CAUSE),
        "group": group_id("audit-log", CAUSE),
        "redriven": None,
        "event": EVENT.decode(),
    }


def test_a_letter_is_shown_with_its_attempts_and_its_event_as_it_came(store: Store, valkey_url: str) -> None:
    id_ = store.die("s")
    shown = qontract("show", id_, url=valkey_url).stdout.splitlines()
    assert (shown[0], shown[-1]) == (id_, EVENT.decode())
    assert f"  cause         {CAUSE}" in shown
    assert r"    2026-01-31 09:30:02  ValueError: Grüße\u001b[2J\nand more" in shown
    assert f"  next          qontract dead-letters redrive {id_}, or qontract dead-letters discard {id_}" in shown
    found = json.loads(qontract("show", id_, "--json", url=valkey_url).stdout)
    assert [failure["error"] for failure in found["failures"]] == [f.error for f in FAILURES]
    assert found["event"] == EVENT.decode()


def test_bytes_that_a_terminal_would_obey_are_escaped(store: Store, valkey_url: str) -> None:
    id_ = store.die("s", b'{"type": "a\x1b[2J\x9b\xff\\u202e\\ud800"}\r\n\x7f\x00')
    odd = store.die("s", b'{"type": "a\\u001b[2J\\u202e\\ud800"}')
    for arguments in (["show", id_], ["show", odd], ["show", odd, "--json"], ["list"], ["list", "--json"], ["groups"]):
        done = qontract(*arguments, url=valkey_url)
        assert done.returncode == 0, done.stderr
        assert [char for char in done.stdout if not char.isprintable() and char not in "\n\x7f"] == []
    assert r"\xff" in qontract("show", id_, url=valkey_url).stdout


def test_one_letter_is_redriven_by_its_id_once(store: Store, valkey_url: str) -> None:
    first, second = store.die("s", b"1"), store.die("s", b"2")
    assert [line[0] for line in lines(qontract("redrive", first, url=valkey_url))] == [first]
    again = qontract("redrive", first, url=valkey_url)
    assert again.returncode == 1
    assert again.stderr.strip() == f"qontract: {first}: no such dead letter; see `qontract dead-letters list`"
    assert store.redriven() == {"s": [b"1"]}
    assert store.ids() == [second]


def test_a_dry_run_shows_what_the_run_then_does(store: Store, valkey_url: str) -> None:
    store.die("other")
    died = [store.die("s") for _ in range(3)]
    dry = qontract("redrive", "--subscription", "s", "--dry-run", url=valkey_url)
    assert [line[0] for line in lines(dry)] == died
    assert dry.stderr.strip() == "3 would be redriven"
    assert store.redriven() == {}
    wet = qontract("redrive", "--subscription", "s", "--yes", url=valkey_url)
    assert wet.stdout == dry.stdout
    assert wet.stderr.strip() == "3 redriven"
    assert store.redriven() == {"s": [EVENT] * 3}


def test_all_letters_are_discarded(store: Store, valkey_url: str) -> None:
    store.die("one")
    store.die("two")
    done = qontract("discard", "--all", "--yes", url=valkey_url)
    assert (done.returncode, done.stderr.strip()) == (0, "2 discarded")
    assert store.ids() == []
    assert store.redriven() == {}


@pytest.mark.parametrize("arguments", [["redrive", "--all"], ["discard", "--all"], ["discard", "ID"]])
def test_without_somebody_to_ask_and_without_yes_nothing_is_done(
    store: Store, valkey_url: str, arguments: list[str]
) -> None:
    died = store.die("s")
    done = qontract(*[died if one == "ID" else one for one in arguments], url=valkey_url)
    what = "redriven" if arguments[0] == "redrive" else "discarded, for good"
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        f"1 dead letter would be {what}",
        "qontract: nobody is there to ask; give --yes, or --dry-run",
    ]
    assert store.ids() == [died]


@pytest.mark.parametrize("command", ["redrive", "discard"])
@pytest.mark.parametrize(
    "arguments", [[], ["--dry-run"], ["1-1", "--all"], ["--all", "--type", "a.b"], ["1-1", "--subject", "x"]]
)
def test_a_change_needs_an_id_or_filters_or_all(
    store: Store, valkey_url: str, command: str, arguments: list[str]
) -> None:
    died = store.die("s")
    done = qontract(command, *arguments, url=valkey_url)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "qontract: give one of these: an id, filters, or --all\n"
    assert store.ids() == [died]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["list"], "no dead letters\n"),
        (["list", "--group", "x"], "no dead letters match\n"),
        (["groups"], "no dead letters\n"),
    ],
    ids=["list", "chosen", "groups"],
)
def test_an_empty_list_says_so(valkey_url: str, arguments: list[str], said: str) -> None:
    done = qontract(*arguments, "--json", url=valkey_url)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", said)


def test_an_empty_filter_is_not_everything(store: Store, valkey_url: str) -> None:
    died = store.die("s")
    done = qontract("discard", "--subscription", "", url=valkey_url)
    assert (done.returncode, done.stderr.strip()) == (0, "0 discarded")
    assert store.ids() == [died]


@pytest.mark.parametrize(
    "arguments",
    [
        ["list"],
        ["groups"],
        ["show", "1-1"],
        ["redrive", "1-1"],
        ["redrive", "--group", "x", "--yes"],
        ["discard", "1-1"],
    ],
)
def test_a_redis_that_is_away_is_one_line_of_the_command(arguments: list[str]) -> None:
    done = qontract(*arguments, url=away())
    assert done.returncode == 5
    assert done.stderr.startswith("qontract: QAPI_CACHE_BROKER_URL: Redis refused or did not answer: ConnectionError")
    assert len(done.stderr.splitlines()) == 1
    assert "hush" not in done.stderr


def test_another_channel_has_its_own_dead_letters(store: Store, valkey_url: str) -> None:
    store.die("s")
    assert lines(qontract("list", url=valkey_url, QAPI_EVENTS__CHANNEL="other")) == []


def test_the_help_is_quick() -> None:
    """It imports nothing of what it does not need: neither the container nor Redis."""
    code = (
        "import sys, qontract.entrypoints.cli; sys.exit(any(n in sys.modules for n in ('redis', 'celery', 'pydantic')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
