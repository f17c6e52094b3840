"""An API that answers the client as it is told."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from qontract.entrypoints import client

Answer = httpx.Response | Exception
Api = Callable[..., list[httpx.Request]]
"""Answer requests with these, in this order; an exception is raised, and the last one stays."""

RESULT: dict[str, Any] = {"actions": [], "applied_actions": [], "errors": [], "plan_digest": None, "done": 0, "of": 0}
ACCEPTED = httpx.Response(202, json={"id": "1", "status": "pending", "status_url": "/jobs/1"})


def problem(status: int, title: str, detail: str, **headers: str) -> httpx.Response:
    """Return an answer of an API that refuses."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, json={"title": title, "status": status, "detail": detail}, headers=headers)


AWAY = problem(503, "Service Unavailable", "The job queue cannot be reached")
WAITING = problem(408, "Request Timeout", "ask again")


def ended(status: str = "success", **more: Any) -> httpx.Response:
    """Return a result; of a job that has ended unless the status says otherwise."""
    return httpx.Response(200, json=RESULT | {"status": status} | more)


def answering(monkeypatch: pytest.MonkeyPatch) -> Api:
    """Return what makes the client's requests be answered, without any pause."""
    monkeypatch.setattr(client, "_PAUSE_SECONDS", 0.001)
    made = httpx.Client

    def answer_with(*answers: Answer) -> list[httpx.Request]:
        requests: list[httpx.Request] = []
        left: Iterator[Answer] = iter(answers)

        def answer(request: httpx.Request) -> httpx.Response:
            requests.append(request)
            following = next(left, answers[-1])
            if isinstance(following, Exception):
                raise following
            return httpx.Response(following.status_code, content=following.content, headers=following.headers)

        transport = httpx.MockTransport(answer)
        monkeypatch.setattr(httpx, "Client", lambda **options: made(transport=transport, **options))
        return requests

    return answer_with
