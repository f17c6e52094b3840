"""HTTP requests within bounds, which follow nobody elsewhere."""

from collections.abc import Iterable
from functools import cache
from http import HTTPStatus
from ssl import SSLContext
from typing import Any
from urllib.request import getproxies, proxy_bypass

import httpx

from qontract.adapters.call_bounds import Bounds, OutOfBoundsError
from qontract.application import tracing


@cache
def _certificates() -> SSLContext:
    """Return what checks the certificates of servers: read once, for that takes longer than a request."""
    return httpx.create_ssl_context()


class RedirectError(OutOfBoundsError):
    """The server, or who stands in its place, wants the request to go elsewhere."""


class BoundedTransport(httpx.HTTPTransport):
    """Makes requests to `url` within these bounds. It follows no redirect.

    An answer with one raises RedirectError, one without an end OutOfBoundsError, one that is too late TimeoutError.
    """

    def __init__(self, bounds: Bounds, url: str) -> None:
        super().__init__(verify=_certificates(), proxy=_proxy(url), trust_env=False)
        if not hasattr(self._pool, "_network_backend"):  # another version: it would not ask us
            raise ImportError("this version of httpx reads its connections elsewhere: they would have no bounds")
        self._pool._network_backend = _Backend(self._pool._network_backend, bounds)  # type: ignore[assignment]  # noqa: SLF001
        self._bounds = bounds

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Make one request; its answer is read later, within the same bounds."""
        self._bounds.begin()
        request.headers["Accept-Encoding"] = "identity"  # a few bytes that are unpacked are as many as they want to be
        tracing.record_url(str(request.url))
        response = super().handle_request(request)
        tracing.call_ended(response.status_code)
        try:
            _refuse_elsewhere(response)
        except OutOfBoundsError:
            response.close()
            raise
        return response


def _refuse_elsewhere(response: httpx.Response) -> None:
    if HTTPStatus.MULTIPLE_CHOICES <= response.status_code < HTTPStatus.BAD_REQUEST:
        raise RedirectError(f"is a redirect (HTTP {response.status_code}), which is not followed")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise OutOfBoundsError("is packed, which was not asked for")


def _proxy(url: str) -> str | None:
    """Return the proxy of the environment. What is on this machine, and has no TLS, needs none."""
    parts = httpx.URL(url)
    return None if parts.scheme == "http" or proxy_bypass(parts.host) else getproxies().get("https")


class _Backend:
    """Opens connections as httpcore does, for answers that have bounds."""

    def __init__(self, backend: Any, bounds: Bounds) -> None:
        self._backend = backend
        self._bounds = bounds

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - httpcore's, for one step; the attempt has its own for all
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> "_Stream":
        stream = self._backend.connect_tcp(
            host, port, self._bounds.seconds_left(), local_address=local_address, socket_options=socket_options
        )
        return _Stream(stream, self._bounds)

    def sleep(self, seconds: float) -> None:
        self._backend.sleep(seconds)


class _Stream:
    """A connection. Each step has the time that is left, and not its own: so a byte a second has an end."""

    def __init__(self, stream: Any, bounds: Bounds) -> None:
        self._stream = stream
        self._bounds = bounds

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - as above
        received: bytes = self._stream.read(max_bytes, self._bounds.seconds_left())
        self._bounds.count(len(received))
        return received

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - as above
        self._stream.write(buffer, self._bounds.seconds_left())

    def start_tls(
        self,
        ssl_context: SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - as above
    ) -> "_Stream":
        stream = self._stream.start_tls(ssl_context, server_hostname, self._bounds.seconds_left())
        return _Stream(stream, self._bounds)

    def close(self) -> None:
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
