"""A Slack that is slow, or wants to be left alone: the notifier waits for nothing, and leaves nothing behind."""

import asyncio
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from pytest_mock import MockerFixture

from qontract.adapters.slack import SlackEventHandler
from qontract.application.ports.event_handler import RetryLater
from qontract.application.ports.integration import IntegrationError
from qontract.testing import deliver
from tests.support.handling import event, handle
from tests.support.hostile_http import HostileServer, Request, answer, byte_by_byte, hostile_server
from tests.support.redis_delivery import publish
from tests.support.subscriber_process import Site
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

GRACE_SECONDS = 5


def notifier(server: HostileServer, timeout: float = 10) -> SlackEventHandler:
    settings = SlackEventHandler.Settings(token=SecretStr("xoxb"), channel="c", api_url=server.url, timeout=timeout)
    return SlackEventHandler(settings)


@pytest.mark.parametrize(("said", "seconds"), [("0", 0), ("7", 7), ("3600", 300), ("9" * 400, 300), ("soon", 1)])
async def test_a_refusal_for_the_rate_is_retried_later_and_no_thread_waits_for_it(said: str, seconds: float) -> None:
    with hostile_server(lambda _: [answer({"ok": False}, 429, Retry_After=said)]) as server:
        before = time.monotonic()
        with pytest.raises(RetryLater) as caught:
            await handle(notifier(server), event())
        assert time.monotonic() - before < 2
        assert caught.value.seconds == seconds
        assert len(server.received) == 1


def test_it_is_no_attempt_while_slack_wants_to_be_left_alone() -> None:
    left = [answer({"ok": False}, 429, Retry_After="3600")] * 30

    def answering(_: Request) -> list[bytes]:
        return [left.pop() if left else answer({"ok": True})]

    with hostile_server(answering) as server:
        outcome = deliver(notifier(server), event())
        assert (outcome.handled, outcome.dead_letters) == (1, [])
        assert len(server.received) == 31


@pytest.mark.parametrize("timeout", [0.2, 30, 1000])
def test_a_request_has_less_time_than_the_attempt_that_makes_it(timeout: float) -> None:
    settings = SlackEventHandler.Settings(token=SecretStr("xoxb"), channel="c", timeout=timeout)
    assert SlackEventHandler(settings).policy.timeout > timeout


async def test_an_answer_of_one_byte_after_the_other_ends_in_time() -> None:
    with hostile_server(lambda request: byte_by_byte(answer({"ok": True, "x": "y" * 1000}), request)) as server:
        before = time.monotonic()
        with pytest.raises(IntegrationError, match=r"^Slack did not answer chat\.postMessage: TimeoutError"):
            await handle(notifier(server, timeout=0.4), event())
        assert time.monotonic() - before < 2


async def test_an_attempt_that_is_cancelled_ends_its_request_and_nothing_is_posted_later() -> None:
    def answering(request: Request) -> Iterator[bytes]:
        request.over.wait(60)
        yield b""

    with hostile_server(answering) as server:
        attempt = asyncio.create_task(handle(notifier(server, timeout=30), event()))
        await asyncio.to_thread(until, lambda: len(server.received) == 1)
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
        await asyncio.to_thread(until, lambda: _threads() == 0, 5)
        assert len(server.received) == 1


async def test_an_attempt_that_is_cancelled_before_it_is_connected_posts_nothing(mocker: MockerFixture) -> None:
    began, go_on, connect = threading.Event(), threading.Event(), socket.create_connection

    def slowly(*arguments: Any, **more: Any) -> socket.socket:
        began.set()
        go_on.wait(20)
        return connect(*arguments, **more)

    with hostile_server(lambda _: [answer({"ok": True})]) as server:
        mocker.patch.object(socket, "create_connection", slowly)
        attempt = asyncio.create_task(handle(notifier(server), event()))
        await asyncio.to_thread(began.wait, 20)
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
        go_on.set()
        await asyncio.to_thread(until, lambda: _threads() == 0, 5)
        assert server.received == []


def _threads() -> int:
    return sum(thread.name == "slack-notifier" for thread in threading.enumerate())


def _wants_an_hour(_: Request) -> list[bytes]:
    return [answer({"ok": False}, 429, Retry_After="3600")]


def _is_slow(request: Request) -> Iterator[bytes]:
    return byte_by_byte(answer({"ok": True, "x": "y" * 100_000}), request)


def _ends_within_its_grace(valkey_url: str, directory: Path, api_url: str, at_work: Callable[[], bool]) -> None:
    site = Site(directory, {"QAPI_CACHE_BROKER_URL": valkey_url, "QAPI_SUBSCRIBER__GRACE_SECONDS": str(GRACE_SECONDS)})
    slack: dict[str, Any] = {
        "QAPI_SLACK_NOTIFIER__API_URL": api_url,
        "QAPI_SLACK_NOTIFIER__TOKEN": "xoxb-any",
        "QAPI_SLACK_NOTIFIER__CHANNEL": "general",
        "QAPI_SLACK_NOTIFIER__TIMEOUT": "120",
    }
    for number in range(5):
        publish(valkey_url, event(f"coreos/team-{number}"))
    with site.subscriber(**slack) as one:
        until(at_work)
        before = time.monotonic()
        one.process.send_signal(signal.SIGTERM)
        assert one.process.wait(timeout=60) == 0
        assert time.monotonic() - before < GRACE_SECONDS + 5
        assert "Traceback" not in one.log.read_text()


@pytest.mark.parametrize("answering", [_wants_an_hour, _is_slow])
def test_the_subscriber_ends_within_its_grace_also_while_slack_wants_an_hour_or_is_slow(
    valkey_url: str, tmp_path: Path, answering: Any
) -> None:
    with hostile_server(answering) as server:
        _ends_within_its_grace(valkey_url, tmp_path, server.url, lambda: len(server.received) >= 5)


def test_the_subscriber_ends_within_its_grace_also_while_slack_does_not_say_who_it_is(
    valkey_url: str, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, ExitStack() as stack:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/"
        _ends_within_its_grace(
            valkey_url, tmp_path, url, lambda: stack.enter_context(silent.accept()[0]).recv(1) != b""
        )
