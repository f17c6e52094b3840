"""The subscriber as a process, with handlers that a package has installed."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from qontract.domain.events import DomainEvent
from tests.support import requesting
from tests.support.paths import ROOT
from tests.support.processes import free_port, process


def happened(subject: str = "here", **attributes: Any) -> DomainEvent:
    """Return an event that the handlers in `troublesome` want."""
    return DomainEvent(type="com.example.happened", subject=subject, source="test", **attributes)


@dataclass(frozen=True)
class Subscriber:
    """A running one: the URL of its pages, and the file that has its log."""

    url: str
    process: Popen[str]
    log: Path

    def ready(self) -> tuple[int, dict[str, Any]]:
        """Return the status and the body of its readiness; 0 while nobody answers."""
        try:
            answer = requesting.get(f"{self.url}/health/ready")
        except httpx.TransportError:
            return 0, {}
        return answer.status_code, answer.json()

    def metrics(self) -> dict[tuple[str, str], float]:
        """Return the samples of its page by name and subscription."""
        return samples(requesting.get(f"{self.url}/metrics").text)

    def lines(self, event: str = "") -> list[dict[str, Any]]:
        """Return its log lines of this text, or all. Raises ValueError for one that is no JSON."""
        lines: list[dict[str, Any]] = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [line for line in lines if not event or line["event"] == event]


@dataclass(frozen=True)
class Site:
    """A directory with packages and notes. All settings are those of every subscriber of a test."""

    path: Path
    settings: dict[str, str]

    def install(self, package: str, **handlers: str) -> None:
        """Install a package that names these handlers, by `module:name`."""
        info = self.path / "site" / f"{package}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        named = "".join(f"{name} = {value}\n" for name, value in handlers.items())
        (info / "entry_points.txt").write_text(f"[qontract.event_handlers]\n{named}")

    def notes(self) -> list[str]:
        """Return what the handlers have noted down."""
        file = self.path / "notes"
        return file.read_text().splitlines() if file.exists() else []

    def go(self) -> None:
        """Let handlers go on that wait for it."""
        (self.path / "go").touch()

    @contextmanager
    def subscriber(self, name: str = "one", *, wait: bool = True, **settings: str) -> Iterator[Subscriber]:
        """Run one while the body runs; by default, wait until it is ready."""
        port = str(free_port())
        url = f"http://127.0.0.1:{port}"
        environment: dict[str, Any] = {
            "PYTHONPATH": f"{self.path / 'site'}:{ROOT}:{os.environ.get('PYTHONPATH', '')}",
            "NOTES": str(self.path / "notes"),
            "XDG_STATE_HOME": str(self.path / name),
            "QAPI_SUBSCRIBER__HOST": "127.0.0.1",
            "QAPI_SUBSCRIBER__PORT": port,
            "QAPI_AUDIT_LOG__FILE": str(self.path / "audit.jsonl"),
        }
        ready = f"{url}/health/ready" if wait else ""
        log = self.path / f"{name}.log"
        command = ("-m", "qontract.entrypoints.subscriber")
        with process(*command, ready=ready, log=log, **environment | self.settings | settings) as running:
            yield Subscriber(url, running, log)


def samples(page: str) -> dict[tuple[str, str], float]:
    """Return the samples of a page of metrics by name and subscription."""
    return {
        (sample.name, sample.labels.get("subscription", "")): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }
