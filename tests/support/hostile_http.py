"""An HTTP server that answers whatever a test wants, byte for byte."""

import json
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event, Lock, Thread

Answer = Callable[["Request"], Iterable[bytes]]


@dataclass(frozen=True)
class Request:
    """One that came: its path, its head as text, and the event that is set when the server ends."""

    path: str
    head: str
    body: str
    over: Event

    @property
    def token(self) -> str:
        """The bearer token; empty if there is none."""
        _, _, rest = self.head.partition("Authorization: Bearer ")
        return rest.partition("\r\n")[0]


@dataclass
class HostileServer:
    """Serves at `url`. `received` is each request that came whole, `open` how many connections there are now."""

    url: str
    answer: Answer
    received: list[Request] = field(default_factory=list)
    open: int = 0


def answer(body: bytes | object, status: int = 200, **headers: str) -> bytes:
    """Return a whole answer; a body that is no bytes is sent as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(content)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + content


def byte_by_byte(content: bytes, request: Request, pause: float = 0.1) -> Iterator[bytes]:
    """Give one byte after the other, with a pause after each, until the server ends."""
    for byte in content:
        yield bytes([byte])
        if request.over.wait(pause):
            return


@contextmanager
def hostile_server(answering: Answer) -> Iterator[HostileServer]:
    """Serve while the body runs, on a port of 127.0.0.1 that the system chooses; each connection in a thread."""
    over, lock = Event(), Lock()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = HostileServer(f"http://127.0.0.1:{listener.getsockname()[1]}/api/", answering)

        def serve(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                request = _received(connection, over)
                with lock:
                    server.received.append(request)
                for piece in server.answer(request):
                    connection.sendall(piece)
            with lock:
                server.open -= 1

        def listen() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    connection.settimeout(20)
                    with lock:
                        server.open += 1
                    Thread(target=serve, args=(connection,), daemon=True).start()

        thread = Thread(target=listen, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            over.set()
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)


_VERBS = (b"POST ", b"CONNECT ", b"GET ", b"PUT ", b"PATCH ", b"DELETE ")


def _received(connection: socket.socket, over: Event) -> Request:
    """Read a request. Raises OSError if it does not come whole."""
    content = b""
    while True:
        head, end, body = content.partition(b"\r\n\r\n")
        text = head.decode("latin-1")
        _, _, length = text.lower().partition("content-length: ")
        if end and len(body) >= int(length.partition("\r\n")[0] or 0):
            return Request(text.split()[1], text, body.decode(errors="replace"), over)
        piece = connection.recv(65536)
        if not piece or (not content and not piece.startswith(_VERBS)):
            raise ConnectionError("no request came, or a part of one")
        content += piece


def endless(start: bytes, piece: bytes) -> Answer:
    """Answer with the start, and then with the piece again and again until the server ends."""

    def answering(request: Request) -> Iterator[bytes]:
        yield start
        while not request.over.is_set():
            yield piece

    return answering


_MB = b"x" * 2**20
LONG: dict[str, Answer] = {
    "300 MB": lambda _: [b"HTTP/1.1 200 OK\r\nContent-Length: 300000000\r\n\r\n", *[_MB] * 286],
    "a body without end": endless(b"HTTP/1.1 200 OK\r\n\r\n", _MB),
    "chunks without end": endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"100000\r\n%b\r\n" % _MB),
    "an error without end": endless(b"HTTP/1.1 400 No\r\n\r\n", _MB),
    "an analysis without end": endless(b"HTTP/1.1 200 OK\r\nContent-Type: application/gzip\r\n\r\n", _MB),
    "continuations without end": endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000),
}
"""Answers that are longer than anybody wants to read."""
