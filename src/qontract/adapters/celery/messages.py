"""The messages in Celery's queue: each names a job and its turn; of what anybody may put there, no more is taken."""

import json
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from qontract.adapters.unreadable_values import read_json

QUEUE = "jobs"
TASK = "qontract.run"

MAX_COUNTDOWN = 300
"""Seconds that a message may wait with a worker: shorter than the time after which Celery takes the worker for dead."""

_MAX_LENGTH, _MAX_ID_LENGTH = 100_000, 200
_MAX_SLICES = 2**53


def job_message(raw: bytes) -> str:
    """Return a message as Celery is to have it: made anew of the job, its turn and its time, and of nothing else.

    Celery trusts what it takes from a queue, and many a message would end the worker. Raises ValueError for one that
    names no job.
    """
    if len(raw) > _MAX_LENGTH:
        raise ValueError(f"it has {len(raw):,} bytes")
    message = _object(read_json(raw), "the message")
    headers = _object(message.get("headers"), "headers")
    if headers.get("task") != TASK:
        raise ValueError("it is for another task")
    job_id, turn = _arguments(message.get("body"))
    return json.dumps(
        {
            "body": b64encode(json.dumps([[job_id, turn], {}, {}]).encode()).decode(),
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": {"lang": "py", "task": TASK, "id": job_id, "root_id": job_id, "eta": _eta(headers.get("eta"))},
            "properties": {
                "body_encoding": "base64",
                "delivery_info": {"exchange": "", "routing_key": QUEUE},
                "delivery_tag": str(uuid4()),
            },
        }
    )


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{what}: not an object")  # noqa: TRY004 - all that is wrong with a message is a ValueError
    return value


def _arguments(body: Any) -> tuple[str, int | None]:
    if not isinstance(body, str):
        raise ValueError("body: not a text")  # noqa: TRY004 - as above
    match read_json(b64decode(body, validate=True)):
        case [[str() as job_id], *_]:
            turn = None
        case [[str() as job_id, int() | None as turn], *_] if not isinstance(turn, bool):
            pass
        case _:
            raise ValueError("body: not the arguments of a job")
    if not (job_id.isprintable() and 0 < len(job_id) <= _MAX_ID_LENGTH and 0 <= (turn or 0) < _MAX_SLICES):
        raise ValueError("body: not the arguments of a job")
    return job_id, turn


def _eta(value: Any) -> str | None:
    """Return until when the message waits with the worker, never long; None: it does not. Raises ValueError."""
    if value is None:
        return None
    now = datetime.now(UTC)
    try:
        eta = min(datetime.fromisoformat(value), now + timedelta(seconds=MAX_COUNTDOWN))
        return eta.isoformat() if eta > now else None  # Celery cannot read all that is long ago
    except (TypeError, OverflowError) as error:
        raise ValueError(f"eta: {error}") from None
