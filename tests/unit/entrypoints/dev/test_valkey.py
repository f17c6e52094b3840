"""The port of the Redis of `qontract dev`."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from qontract.entrypoints.dev.valkey import port_of


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_the_next_start_gets_the_same_port(tmp_path: Path) -> None:
    said: list[str] = []
    assert port_of(tmp_path, said.append) == port_of(tmp_path, said.append)
    assert said == []


def test_a_port_that_is_taken_is_replaced_for_good_and_that_is_said(tmp_path: Path, taken: int) -> None:
    (tmp_path / "port").write_text(str(taken))
    said: list[str] = []
    port = port_of(tmp_path, said.append)
    assert said == [f"port {taken}, which Redis had, is taken: it has port {port} now; read {tmp_path / 'env'} again"]
    assert port_of(tmp_path, said.append) == port != taken


@pytest.mark.parametrize("text", ["", "x", "70000", "-1"])
def test_what_is_no_port_is_replaced(tmp_path: Path, text: str) -> None:
    (tmp_path / "port").write_text(text)
    assert 0 < port_of(tmp_path, lambda _: None) < 65536
