"""A GitHub that is not to be trusted: where the token goes, and what a call may cost."""

import gzip
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytest_mock import MockerFixture

from qontract.adapters import call_bounds
from qontract.adapters.github import GithubApiTeams, api, organisation_reading
from qontract.adapters.github.settings import GithubSettings
from qontract.application.ports.integration import IntegrationError, RateLimitedError
from qontract.entrypoints.integrations import InstalledIntegrations, make_integrations
from qontract.testing.reconciling import reconcile
from tests.contracts.github_teams import create, delete, update_members
from tests.support.hostile_github import checked, closing, github_at, organisation, refusal
from tests.support.hostile_http import LONG, Answer, Request, answer, byte_by_byte, hostile_server


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_token_of_github_follows_no_redirect_to_no_host(status: int) -> None:
    with hostile_server(lambda _: [closing({})]) as elsewhere:
        target = elsewhere.url.replace("127.0.0.1", "localhost")
        for location in (target, elsewhere.url, "/api/graphql"):
            with hostile_server(lambda _, to=location: [closing({}, status, Location=to)]) as server:  # type: ignore[misc]
                github = github_at(server.url)
                assert refusal(github) == (
                    f"GitHub's answer to the query Organisation is a redirect (HTTP {status}), which is not followed"
                )
                with pytest.raises(IntegrationError, match="which is not followed"):
                    github.apply(delete())
                assert [request.path for request in server.received] == [
                    "/api/graphql",
                    "/api/orgs/acme/teams/hidden/teams",
                ]
        assert elsewhere.received == []


@pytest.mark.parametrize(
    "url",
    [
        "http://api.github.com",
        "http://10.0.0.1/api/v3",
        "http://localhost.example.org",
        "http://127.0.0.1@example.org/",
        "https://user:pass@github.example/api/v3",
        "https://api.github.com/?x=/",
        "https:///api/",
        "ftp://api.github.com",
        "http://[::2]/",
    ],
)
def test_the_integration_is_refused_at_start_for_http_except_on_loopback(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("QAPI_GITHUB__API_URL", url)
    made = make_integrations(InstalledIntegrations({"github-teams": GithubApiTeams}))
    assert made.refused["github-teams"].startswith("QAPI_GITHUB__API_URL: ")
    assert not made.integrations


@pytest.mark.parametrize(
    "url", ["https://api.github.com", "https://ghe.example/api/v3/", "http://localhost:1", "http://[::1]:8083/x"]
)
def test_https_and_loopback_are_taken(url: str) -> None:
    assert GithubSettings(api_url=url).api_url == url


def test_what_is_on_this_machine_is_reached_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with hostile_server(lambda _: [closing({"message": "the proxy"}, 400)]) as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        with hostile_server(lambda _: [closing({"message": "itself"}, 400)]) as server:
            assert refusal(github_at(server.url)) == "GitHub refused the query Organisation: 400 itself"
        assert proxy.received == []


def test_through_a_proxy_a_call_is_https_also_when_it_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    with hostile_server(lambda _: [answer(b"", 407)]) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "")
        assert "407" in refusal(github_at("https://api.github.com", timeout=0.5))
        lines = [request.head.split("\r\n")[0].rpartition(" ")[0] for request in proxy.received]
        assert lines == ["CONNECT api.github.com:443"] * 3
        assert "ghp_" not in "".join(request.head for request in proxy.received)


def test_https_is_not_read_without_a_certificate_that_is_known(pauses: list[float]) -> None:
    with hostile_server(lambda _: [closing({})]) as server:
        github = github_at(server.url.replace("http:", "https:"), timeout=1)
        assert refusal(github).startswith("GitHub did not answer the query Organisation: ")
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
        with pytest.raises(IntegrationError, match=r"^GitHub did not answer POST /orgs/acme/teams: ") as caught:
            github_at(server.url, timeout=0.4).apply(create())
        assert time.monotonic() - before < 2
        assert len(server.received) == 1
        checked(caught.value)


def test_a_call_that_is_tried_again_has_an_end_too(pauses: list[float]) -> None:
    with hostile_server(SLOW["the body"]) as server:
        before = time.monotonic()
        assert refusal(github_at(server.url, timeout=0.3)).startswith("GitHub did not answer the query Organisation: ")
        assert time.monotonic() - before < 5
        assert len(server.received) == 3


@pytest.mark.parametrize("long", LONG)
def test_an_answer_that_is_too_long_is_not_read_whole(mocker: MockerFixture, long: str) -> None:
    mocker.patch.object(call_bounds, "ANSWER_BYTES", 2**20)
    count = mocker.spy(call_bounds.Bounds, "count")
    with hostile_server(LONG[long]) as server:
        assert refusal(github_at(server.url)) == (
            "GitHub's answer to the query Organisation is longer than 1048576 bytes"
        )
        assert len(server.received) == 1
    assert sum(call.args[1] for call in count.call_args_list) < 3 * 2**20


@pytest.mark.parametrize("packing", ["gzip", "GZIP", "deflate", "gzip, gzip"])
def test_a_packed_answer_is_not_unpacked(packing: str) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    with hostile_server(lambda _: [closing(bomb, Content_Encoding=packing)]) as server:
        refused = refusal(github_at(server.url))
        assert refused == "GitHub's answer to the query Organisation is packed, which was not asked for"
        assert "\r\nAccept-Encoding: identity\r\n" in server.received[0].head


def _pages(kind: str, *cursors: object) -> Answer:
    """Answer with these cursors, one after the other, and with the last again and again."""
    left = list(cursors)
    ends: dict[str, Any] = {"edges": [], "nodes": []}

    def answering(request: Request) -> list[bytes]:
        cursor = left.pop(0) if len(left) > 1 else left[0]
        page = {"hasNextPage": True, "endCursor": cursor, "hasPreviousPage": True, "startCursor": cursor}
        return [closing(organisation(**{kind: ends | {"pageInfo": page}}))]

    return answering


@pytest.mark.parametrize("kind", ["first", "teams", "pendingMembers"])
@pytest.mark.parametrize(("cursors", "calls"), [(("a",), 2), (("a", "b", "a"), 4), ((["a"],), 1)])
def test_a_cursor_that_came_before_or_is_none_ends_the_reading(
    kind: str, cursors: tuple[object, ...], calls: int
) -> None:
    with hostile_server(_pages(kind, *cursors)) as server:
        assert "has not its shape: " in refusal(github_at(server.url))
        assert len(server.received) <= calls + 1


def test_pages_without_end_are_refused_after_a_bound(mocker: MockerFixture) -> None:
    mocker.patch.object(organisation_reading, "_PAGES", 20)
    with hostile_server(_pages("teams", *(f"page-{number}" for number in range(100)))) as server:
        assert refusal(github_at(server.url)).endswith("has not its shape: ValueError: it has more than 20 pages")
        assert len(server.received) == 20


def test_all_pages_together_have_a_bound_of_bytes(mocker: MockerFixture) -> None:
    mocker.patch.object(call_bounds, "PAGED_BYTES", 10_000)
    with hostile_server(_pages("teams", *(f"page-{number}" for number in range(100)))) as server:
        assert refusal(github_at(server.url)).endswith("is longer than 10000 bytes in all")


def test_all_pages_together_have_a_bound_of_time(mocker: MockerFixture) -> None:
    mocker.patch.object(api, "_READING_ATTEMPTS", 2)
    slow = _pages("teams", *(f"page-{number}" for number in range(1000)))

    def answering(request: Request) -> Iterator[bytes]:
        request.over.wait(0.1)
        yield from slow(request)

    with hostile_server(answering) as server:
        before = time.monotonic()
        assert refusal(github_at(server.url, timeout=0.4)).startswith("GitHub did not answer the query Organisation: ")
        assert time.monotonic() - before < 5


REASON = "no\n\x1b]52;c;aGk=\x07\u202e" + "x" * 1_000_000
ERRORS: list[tuple[int, Any]] = [
    (400, {"message": REASON}),
    (422, {"message": "Invalid", "errors": [{"message": REASON}]}),
    (500, {"message": REASON}),
    (200, {"data": None, "errors": [{"message": REASON, "locations": [], "path": []}]}),
]


@pytest.mark.parametrize(("status", "body"), ERRORS)
def test_the_text_of_an_error_is_cut_and_one_line(pauses: list[float], status: int, body: object) -> None:
    with hostile_server(lambda _: [closing(body, status)]) as server:
        github = github_at(server.url)
        assert "no ]52;c;aGk= xxx" in refusal(github)
        result = reconcile(github, {"organisations": [{"name": "acme", "teams": []}]})
    [error] = result.errors
    assert len(error) < 800


def test_a_status_line_of_a_megabyte_is_cut(pauses: list[float]) -> None:
    with hostile_server(lambda _: [b"x" * 2**20 + b"\r\n\r\n"]) as server:
        assert refusal(github_at(server.url)).startswith("GitHub did not answer the query Organisation: ")


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize("said", ["3600", "99999", "9" * 9])
def test_a_pause_of_more_than_an_hour_is_an_hour_for_the_job(status: int, said: str) -> None:
    with (
        hostile_server(lambda _: [closing({}, status, Retry_After=said)]) as server,
        pytest.raises(RateLimitedError) as caught,
    ):
        github_at(server.url).apply(update_members(added=("bob",)))
    assert caught.value.seconds == 3600


@pytest.mark.parametrize("said", ["soon", "", "9" * 400, "-1e9"])
@pytest.mark.parametrize("header", ["Retry-After", "X-RateLimit-Reset"])
def test_a_pause_that_is_none_is_an_error_of_the_integration(header: str, said: str) -> None:
    headers = {"X-RateLimit-Remaining": "0"} | {header: said}
    with (
        hostile_server(lambda _: [closing({}, 403, **headers)]) as server,
        pytest.raises(IntegrationError, match="something else than it documents"),
    ):
        github_at(server.url).apply(update_members(added=("bob",)))
