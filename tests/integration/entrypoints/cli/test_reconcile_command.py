"""`qontract reconcile`, as a process, beside an API that is slow, goes away and comes back."""

import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.support.commands import running
from tests.support.processes import free_port
from tests.support.waiting import until

JOB = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
URL = f"/api/v1/integrations/acme-things/reconcile/{JOB}"
RESULT: dict[str, Any] = {"status": "success", "actions": [], "applied_actions": [], "errors": [], "plan_digest": None}
NOT_YET = {"title": "Request Timeout", "status": 408, "detail": "ask again"}
Answers = list[tuple[int, dict[str, Any]]]


@contextmanager
def serving(port: int, *answers: tuple[int, dict[str, Any]]) -> Iterator[list[str]]:
    """Answer so, in this order, the last one again and again; give the methods of the requests."""
    asked: list[str] = []

    class Api(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            status, body = answers[min(len(asked), len(answers) - 1)]
            asked.append(self.command)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        do_GET = do_POST = _answer  # noqa: N815 - as its parent calls them

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Api) as server:
        Thread(target=server.serve_forever, args=(0.01,)).start()
        try:
            yield asked
        finally:
            server.shutdown()


ACCEPTED = 202, {"id": JOB, "status": "pending", "status_url": URL}


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "desired.yaml").write_text("things: []")
    return str(tmp_path / "desired.yaml")


@pytest.mark.parametrize(
    ("options", "effect"),
    [((), "changes nothing: it is a dry run"), (("--apply", "--yes"), "what it plans is applied")],
)
def test_who_interrupts_is_told_that_the_job_goes_on_and_how_to_look_at_it(
    file: str, options: tuple[str, ...], effect: str
) -> None:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    arguments = ["reconcile", "acme-things", file, "--token", "hush", "--api-url", address, *options]
    with serving(port, ACCEPTED, (408, NOT_YET)) as asked, running(*arguments) as command:
        command.line(f"job {JOB}")
        until(lambda: len(asked) > 1)
        assert command.end(signal.SIGINT) == 130
        assert f"interrupted; job {JOB} goes on, and {effect}. To see how far it is, and to stop it:" in command.said
        for what in ("show", "cancel"):
            assert f"qontract jobs {what} {JOB} --api-url {address}\n" in command.said
        assert "Traceback" not in command.said
        assert "hush" not in command.said


def test_an_api_that_restarts_is_waited_for_and_asked_for_the_same_job(file: str) -> None:
    port = free_port()
    arguments = ["reconcile", "acme-things", file, "--token", "hush", "--api-url", f"http://127.0.0.1:{port}"]
    with ExitStack() as stack:
        with serving(port, ACCEPTED, (408, NOT_YET)) as asked:
            command = stack.enter_context(running(*arguments))
            until(lambda: len(asked) > 1)
        assert command.process.poll() is None
        with serving(port, (200, RESULT)) as asked:
            command.line("Nothing to do: all is as desired.")
            assert command.process.wait(20) == 0
        assert asked == ["GET"]
