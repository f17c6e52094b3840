"""Key sets from an HTTP server: how it may misbehave, and what that costs."""

from collections.abc import Iterator
from time import monotonic

import pytest

from qontract.adapters.jwks import HttpKeySet
from qontract.application.ports.key_set import KeySetError
from qontract.application.token_keys import TokenKeys
from tests.contracts.key_set import Issuer, KeySetContract
from tests.support.hostile_http import LONG, Answer, HostileServer, answer, byte_by_byte, hostile_server
from tests.support.signing import document


@pytest.fixture
def server() -> Iterator[HostileServer]:
    with hostile_server(lambda _: [answer(document())]) as server:
        yield server


class TestHttpKeySet(KeySetContract):
    @pytest.fixture
    def issuer(self, server: HostileServer) -> Issuer:
        def has(*ids: str) -> None:
            server.answer = lambda _: [answer(document(*ids))]

        def breaks() -> None:
            server.answer = lambda _: [answer(b"no", 500)]

        return Issuer(HttpKeySet(server.url), has, breaks)


def redirect(status: int) -> Answer:
    return lambda _: [answer(b"", status, Location="/elsewhere")]


ELSEWHERE = "http://127.0.0.1:1/"
BAD: dict[str, Answer] = {
    **{name: LONG[name] for name in ("300 MB", "chunks without end", "continuations without end")},
    **{f"redirect {status}": redirect(status) for status in (301, 302, 307)},
    "no answer": lambda _: [],
    "no HTTP": lambda _: [b"\x00\xff" * 100],
    "half of it": lambda _: [answer(document("a"))[:-10]],
    "packed": lambda _: [answer(b"\x1f\x8b", Content_Encoding="gzip")],
    "another page": lambda _: [answer(b"<html>")],
    "404": lambda _: [answer(document("a"), 404)],
    "204": lambda _: [answer(b"", 204)],
    "no key set": lambda _: [answer({"issuer": "https://idp.example.org"})],
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_answer_is_refused_in_one_short_line_and_no_redirect_is_followed(
    server: HostileServer, name: str
) -> None:
    server.answer = BAD[name]
    with pytest.raises(KeySetError) as refused:
        HttpKeySet(f"{server.url}?secret=hidden").read()
    assert 0 < len(str(refused.value)) < 600
    assert "\n" not in str(refused.value)
    assert "hidden" not in str(refused.value)
    assert len(server.received) == 1


HANGING: dict[str, Answer] = {
    "silent": lambda request: [b"" for _ in range(1) if request.over.wait(10)],
    "a byte now and then": lambda request: byte_by_byte(answer(document("a")) * 9, request, 0.05),
}


@pytest.mark.parametrize("name", HANGING)
def test_a_server_that_hangs_is_left_in_time(server: HostileServer, name: str) -> None:
    server.answer = HANGING[name]
    began = monotonic()
    with pytest.raises(KeySetError, match="no answer"):
        HttpKeySet(server.url, timeout=0.3).read()
    assert monotonic() - began < 3


def test_nobody_listening_is_no_answer() -> None:
    with pytest.raises(KeySetError, match="no answer: ConnectError"):
        HttpKeySet(ELSEWHERE).read()


@pytest.mark.anyio
async def test_a_new_key_is_there_at_once_and_the_old_ones_stay_while_the_server_is_away(server: HostileServer) -> None:
    clock = iter(range(0, 10**6, 20))
    server.answer = lambda _: [answer(document("old"))]
    keys = TokenKeys(HttpKeySet(server.url, timeout=0.3), fresh=10**6, pause=10, clock=lambda: next(clock))
    assert [key.key_id for key in await keys.of("old")] == ["old"]
    server.answer = lambda _: [answer(document("old", "new"))]
    assert [key.key_id for key in await keys.of("new")] == ["new"]
    server.answer = HANGING["silent"]
    with pytest.raises(KeySetError):
        await keys.of("newer")
    assert [key.key_id for key in await keys.of("new")] == ["new"]
    server.answer = lambda _: [answer(document("newer"))]
    assert [key.key_id for key in await keys.of("newer")] == ["newer"]
    assert await keys.of("old") == []
