"""Headers that every answer has, and a request that no two readers understand alike."""

from collections.abc import Mapping
from types import MappingProxyType

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qontract.entrypoints.serving.api_docs_pages import STYLE_HASH

HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "x-content-type-options": "nosniff",
        "content-security-policy": f"default-src 'none'; style-src {STYLE_HASH}; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
    }
)
"""An answer that has one of them already keeps its own."""

_AMBIGUOUS = b'{"type": "about:blank", "title": "Bad Request", "status": 400, "detail": "Send one length of the body."}'


class SecureHeaders:
    """Adds the headers; and refuses a request with `Content-Length` and `Transfer-Encoding` (RFC 9112, 6.3).

    A proxy may take the one where we take the other, and the rest of the body would be a request of its own.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        sent = Headers(scope=scope)
        if "content-length" in sent and "transfer-encoding" in sent:
            await _refuse(send_with_headers)
        else:
            await self._app(scope, receive, send_with_headers)


async def _refuse(send: Send) -> None:
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(_AMBIGUOUS)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 400, "headers": headers})
    await send({"type": "http.response.body", "body": _AMBIGUOUS})
