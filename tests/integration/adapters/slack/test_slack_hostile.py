"""A Slack that is not to be trusted: where the token goes, and what a call may cost."""

import time
from collections.abc import Callable, Iterator

import pytest
from pydantic import BaseModel
from pytest_mock import MockerFixture

from qontract.adapters import call_bounds
from qontract.adapters.slack import SlackApiUsergroups, SlackEventHandler, client
from qontract.adapters.slack.retries import retry_after
from qontract.adapters.slack.slack_usergroups import SlackSettings
from qontract.application.ports.integration import IntegrationError, RateLimitedError
from qontract.entrypoints.integrations import InstalledIntegrations, make_integrations
from qontract.entrypoints.settings import load_settings_of
from qontract.entrypoints.settings.reading import SettingsProblemsError
from qontract.testing.reconciling import reconcile
from tests.contracts.slack_usergroups import create, update_users
from tests.support.hostile_http import LONG, Answer, Request, answer, byte_by_byte, hostile_server
from tests.support.hostile_slack import MAX_ERROR_LENGTH, refusal, slack_at


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_token_of_slack_follows_no_redirect_to_no_host(status: int) -> None:
    with hostile_server(lambda _: [answer({"ok": True})]) as elsewhere:
        target = elsewhere.url.replace("127.0.0.1", "localhost")
        for location in (target, elsewhere.url, "/api/usergroups.list"):
            with hostile_server(lambda _, to=location: [answer({"ok": True}, status, Location=to)]) as server:  # type: ignore[misc]
                assert refusal(slack_at(server.url)) == (
                    f"Slack redirects users.list (HTTP {status}); a token follows no redirect"
                )
                assert [request.path for request in server.received] == ["/api/users.list"]
        assert elsewhere.received == []


@pytest.mark.parametrize(("model", "group"), [(SlackSettings, "slack"), (SlackEventHandler.Settings, "slack-notifier")])
@pytest.mark.parametrize(
    "url",
    [
        "http://slack.com/api/",
        "http://10.0.0.1/api/",
        "http://localhost.example.org/api/",
        "http://127.0.0.1@example.org/api/",
        "https://user:pass@slack.com/api/",
        "https://slack.com/api/?x=/",
        "https:///api/",
        "ftp://slack.com/api/",
        "http://[::2]/api/",
        "http://[/",
    ],
)
def test_http_is_refused_except_on_loopback_with_a_line_that_names_the_setting(
    monkeypatch: pytest.MonkeyPatch, model: type[BaseModel], group: str, url: str
) -> None:
    name = f"QAPI_{group.replace('-', '_').upper()}__API_URL"
    monkeypatch.setenv(name, url)
    with pytest.raises(SettingsProblemsError) as caught:
        load_settings_of(model, group)
    [problem] = caught.value.problems
    assert problem.startswith(f"{name}: ")


def test_the_integration_is_refused_at_start_for_http_and_the_line_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("QAPI_SLACK__API_URL", "http://slack.com/api/")
    made = make_integrations(InstalledIntegrations({"slack-usergroups": SlackApiUsergroups}))
    assert "QAPI_SLACK__API_URL: must begin with https" in made.refused["slack-usergroups"]
    assert not made.integrations


@pytest.mark.parametrize(
    "url", ["https://slack.com/api/", "http://localhost:1/api/", "http://127.0.0.2/", "http://[::1]:8083/api/"]
)
def test_https_and_loopback_are_taken(url: str) -> None:
    assert SlackSettings(api_url=url).api_url == url
    assert SlackEventHandler.Settings(api_url=url).api_url == url


def test_what_is_on_this_machine_is_reached_without_a_proxy(
    monkeypatch: pytest.MonkeyPatch, mocker: MockerFixture
) -> None:
    with hostile_server(lambda _: [answer({"ok": False, "error": "the proxy"})]) as proxy:
        mocker.patch("urllib.request.getproxies", return_value={"http": proxy.url, "https": proxy.url})
        for https_proxy in ("", proxy.url):
            monkeypatch.setenv("HTTPS_PROXY", https_proxy)
            with hostile_server(lambda _: [answer({"ok": False, "error": "itself"})]) as server:
                assert refusal(slack_at(server.url)) == "Slack refused users.list: itself"
        assert proxy.received == []


def test_through_a_proxy_a_call_is_https_also_when_it_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with hostile_server(lambda _: [answer(b"", 407)]) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        assert "Tunnel connection failed: 407" in refusal(slack_at("https://slack.com/api/", timeout=0.5))
        lines = [request.head.split("\r\n")[0].rpartition(" ")[0] for request in proxy.received]
        assert lines == ["CONNECT slack.com:443"] * 3
        assert {request.token for request in proxy.received} == {""}


def test_https_is_not_read_without_a_certificate_that_is_known() -> None:
    with hostile_server(lambda _: [answer({"ok": True})]) as server:
        slack = slack_at(server.url.replace("http:", "https:"), timeout=1)
        assert refusal(slack).startswith("Slack did not answer users.list: ")
        assert server.received == []


SLOW: dict[str, Callable[[Request], Iterator[bytes]]] = {
    "the head": lambda request: byte_by_byte(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1000, request),
    "the body": lambda request: byte_by_byte(answer(b" " * 1000), request),
    "chunks": lambda request: byte_by_byte(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 1000, request
    ),
    "an error": lambda request: byte_by_byte(answer(b" " * 1000, 400), request),
    "nothing": lambda request: byte_by_byte(b"", request) if request.over.wait(60) else iter(()),
}


@pytest.mark.parametrize("slow", SLOW)
def test_an_answer_of_one_byte_after_the_other_has_the_time_of_one_call(slow: str) -> None:
    with hostile_server(SLOW[slow]) as server:
        before = time.monotonic()
        with pytest.raises(IntegrationError, match=r"^Slack did not answer usergroups\.create: TimeoutError: "):
            slack_at(server.url, timeout=0.4).apply(create())
        assert time.monotonic() - before < 2
        assert len(server.received) == 1


def test_a_call_that_is_tried_again_has_an_end_too() -> None:
    with hostile_server(SLOW["the body"]) as server:
        before = time.monotonic()
        assert "TimeoutError" in refusal(slack_at(server.url, timeout=0.3))
        assert time.monotonic() - before < 10
        assert len(server.received) == 3


@pytest.mark.parametrize("long", LONG)
def test_an_answer_that_is_too_long_is_not_read_whole(mocker: MockerFixture, long: str) -> None:
    mocker.patch.object(call_bounds, "ANSWER_BYTES", 2**20)
    count = mocker.spy(call_bounds.Bounds, "count")
    with hostile_server(LONG[long]) as server:
        assert refusal(slack_at(server.url)) == "Slack's answer to users.list is longer than 1048576 bytes"
        assert len(server.received) == 1
    assert sum(call.args[1] for call in count.call_args_list) < 3 * 2**20


def _pages(*cursors: object) -> Answer:
    """Answer with these cursors, one after the other, and with the last again and again."""
    left = list(cursors)

    def answering(_: Request) -> list[bytes]:
        cursor = left.pop(0) if len(left) > 1 else left[0]
        return [answer({"ok": True, "members": [], "response_metadata": {"next_cursor": cursor}})]

    return answering


@pytest.mark.parametrize(("cursors", "calls"), [(("a",), 2), (("a", "b", "a"), 3), ((1,), 1), ((["a"],), 1)])
def test_a_cursor_that_came_before_or_is_none_ends_the_reading(cursors: tuple[object, ...], calls: int) -> None:
    with hostile_server(_pages(*cursors)) as server:
        assert "users.list names a next page that it named before, or none" in refusal(slack_at(server.url))
        assert len(server.received) == calls


def test_pages_without_end_are_refused_after_a_bound(mocker: MockerFixture) -> None:
    mocker.patch.object(client, "_PAGES", 20)
    with hostile_server(_pages(*(f"page-{number}" for number in range(100)))) as server:
        assert refusal(slack_at(server.url)) == "Slack's answer to users.list has more than 20 pages"
        assert len(server.received) == 20


def test_all_pages_together_have_a_bound_of_bytes(mocker: MockerFixture) -> None:
    mocker.patch.object(call_bounds, "PAGED_BYTES", 1000)
    with hostile_server(_pages(*(f"page-{number}" for number in range(100)))) as server:
        assert refusal(slack_at(server.url)) == "Slack's answer to users.list is longer than 1000 bytes in all"


def test_all_pages_together_have_a_bound_of_time(mocker: MockerFixture) -> None:
    mocker.patch.object(client, "_PAGED_ATTEMPTS", 2)
    mocker.patch.object(client, "_SHORT_SECONDS", 0)
    slow = _pages(*(f"page-{number}" for number in range(1000)))

    def answering(request: Request) -> Iterator[bytes]:
        request.over.wait(0.1)
        yield from slow(request)

    with hostile_server(answering) as server:
        before = time.monotonic()
        assert refusal(slack_at(server.url, timeout=0.4)).startswith("Slack did not answer users.list: TimeoutError: ")
        assert time.monotonic() - before < 5


@pytest.mark.parametrize("status", [200, 400, 500])
def test_the_text_of_an_error_is_cut_and_one_line(status: int) -> None:
    reason = "no\n\x1b]52;c;aGk=\x07\u202e" + "x" * 1_000_000
    with hostile_server(lambda _: [answer({"ok": False, "error": reason}, status)]) as server:
        slack = slack_at(server.url)
        assert refusal(slack).startswith("Slack refused users.list: no ]52;c;aGk= xxx")
        result = reconcile(slack, {"workspaces": [{"name": "coreos", "usergroups": []}]})
    [error] = result.errors
    assert len(error) < MAX_ERROR_LENGTH


def test_a_status_line_of_a_megabyte_is_cut() -> None:
    with hostile_server(lambda _: [b"x" * 2**20 + b"\r\n\r\n"]) as server:
        assert refusal(slack_at(server.url)).startswith("Slack did not answer users.list: HTTPException: ")


@pytest.mark.parametrize(("said", "seconds"), [("3600", 3600), ("9" * 400, 3600), ("-1", 1), ("soon", 1), ("", 1)])
def test_a_pause_that_slack_wants_has_a_bound(said: str, seconds: float) -> None:
    assert retry_after({"retry-After": said}) == retry_after({"Retry-After": [said]}) == seconds


def test_a_pause_of_more_than_an_hour_is_an_hour_for_the_job() -> None:
    limited = answer({"ok": False}, 429, Retry_After="9" * 400, Content_Type="text/html; charset=nonsense")
    with hostile_server(lambda _: [limited]) as server, pytest.raises(RateLimitedError) as caught:
        slack_at(server.url).apply(update_users())
    assert caught.value.seconds == 3600
