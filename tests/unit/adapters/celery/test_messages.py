"""What a worker takes from Celery's queue: messages of jobs, and nothing else."""

import base64
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from qontract.adapters.celery.messages import MAX_COUNTDOWN, job_message
from tests.support.hostile_messages import message_of, odd_messages

MESSAGES = dict(odd_messages("some-job"))


def read(raw: bytes) -> tuple[dict[str, Any], list[Any]]:
    """Return the headers and the arguments of the message that is made of these bytes."""
    message = json.loads(job_message(raw))
    assert (message["content-type"], message["content-encoding"]) == ("application/json", "utf-8")
    arguments, keywords, embedded = json.loads(base64.b64decode(message["body"]))
    assert keywords == embedded == {}
    return message["headers"], arguments


def test_a_message_names_its_job_its_turn_and_its_time() -> None:
    message = message_of("some-job")
    at = datetime.now(UTC) + timedelta(seconds=20)
    message["headers"]["eta"] = at.isoformat()
    headers, arguments = read(json.dumps(message).encode())
    assert arguments == ["some-job", 1]
    assert (headers["task"], headers["id"], headers["eta"]) == ("qontract.run", "some-job", at.isoformat())


def test_no_message_waits_with_a_worker_for_longer_than_a_message_may() -> None:
    headers, _ = read(MESSAGES["headers.eta: in a hundred years"])
    assert datetime.fromisoformat(headers["eta"]) <= datetime.now(UTC) + timedelta(seconds=MAX_COUNTDOWN)


def test_a_message_whose_time_has_come_does_not_wait() -> None:
    headers, _ = read(MESSAGES["headers.eta: of the year 1"])
    assert headers["eta"] is None


@pytest.mark.parametrize("name", MESSAGES)
def test_a_hostile_message_is_refused_or_what_is_taken_of_it_is_a_job_and_its_turn(name: str) -> None:
    with suppress(ValueError):
        headers, arguments = read(MESSAGES[name])
        assert arguments[0] == headers["id"] == headers["root_id"]
        assert headers["id"] in {"some-job", "x"}
        assert arguments[1] in {None, 1}
        assert {*headers} == {"lang", "task", "id", "root_id", "eta"}


def test_most_hostile_messages_are_refused() -> None:
    refused = 0
    for raw in MESSAGES.values():
        try:
            job_message(raw)
        except ValueError:
            refused += 1
    assert len(MESSAGES) / 3 < refused < len(MESSAGES)


def test_two_deliveries_of_one_message_have_a_tag_each() -> None:
    raw = json.dumps(message_of("some-job")).encode()
    tags = {json.loads(job_message(raw))["properties"]["delivery_tag"] for _ in range(2)}
    assert len(tags) == 2
