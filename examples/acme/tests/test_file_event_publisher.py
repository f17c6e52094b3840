"""The events in a file."""

from pathlib import Path

import pytest
from acme.file_event_publisher import FileEventPublisher
from dependency_injector.providers import Singleton

from qontract import DomainEvent
from qontract.adapters.cloudevents import CloudEventsEventFormat
from qontract.application.event_manager import EventManager
from qontract.application.ports.event_publisher import EventPublisherError
from qontract.entrypoints.container import Container, get_event_manager
from qontract.testing import EventPublisherContract
from qontract.testing.contracts.event_publisher import SOURCE, Published


class TestFileEventPublisher(EventPublisherContract):
    @pytest.fixture
    def published(self, tmp_path: Path) -> Published:
        file = tmp_path / "events.jsonl"
        file.touch()
        decode = CloudEventsEventFormat(SOURCE).decode
        return FileEventPublisher(file, SOURCE), lambda: [decode(line) for line in file.read_bytes().splitlines()]


def test_a_file_that_cannot_be_written_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(EventPublisherError, match="no-such-directory"):
        FileEventPublisher(tmp_path / "no-such-directory" / "events").publish([DomainEvent(type="a.b")])


def test_a_process_may_have_it_in_place_of_redis(tmp_path: Path, container: Container) -> None:
    publisher = FileEventPublisher(tmp_path / "events.jsonl")
    container.event_manager.override(Singleton(EventManager, publisher))
    if events := get_event_manager():
        events.publish_event(DomainEvent(type="a.b"))
    assert len((tmp_path / "events.jsonl").read_bytes().splitlines()) == 1
