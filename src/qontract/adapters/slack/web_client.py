"""slack_sdk's client, with requests that have bounds and go to Slack alone."""

import ssl
from functools import cache, partial
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from io import BytesIO
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import (
    BaseHandler,
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

from slack_sdk import WebClient
from slack_sdk.http_retry.handler import RetryHandler

from qontract.adapters.call_bounds import Bounds
from qontract.adapters.one_line_text import one_line
from qontract.adapters.slack.bounded_socket import BoundedSocket
from qontract.application import tracing

if not hasattr(WebClient, "_perform_urllib_http_request_internal"):  # another version: it would not ask us
    raise ImportError(
        "this version of slack_sdk opens its connections elsewhere: requests to Slack would have no bounds"
    )


class BoundedWebClient(WebClient):
    """Makes one call, within these bounds. It follows no redirect: the token would go to wherever that leads."""

    def __init__(self, token: str, *, api_url: str, bounds: Bounds, retries: RetryHandler) -> None:
        super().__init__(token, base_url=api_url, retry_handlers=[retries])
        self._bounds = bounds

    def _perform_urllib_http_request_internal(self, url: str, req: Request) -> dict[str, Any]:
        """Make one request. It is the one place where slack_sdk opens a connection. Raises as `_request` does."""
        with tracing.calling(req.get_method(), urlsplit(url).path):  # each method of the API has a path of its own
            tracing.record_url(url)
            return self._request(url, req)

    def _request(self, url: str, req: Request) -> dict[str, Any]:
        """Make one request.

        Raises HTTPError for an answer that is no success, OSError, HTTPException, and OutOfBoundsError.
        """
        seconds = self._bounds.begin()
        # A proxy changes the request: the same one, tried again, would go to it as http, with the token for it to read.
        own = Request(url, req.data, req.headers, method=req.get_method())  # noqa: S310 - the settings check the URL
        proxies = self._proxies(url)
        try:
            with _opener(self._bounds, proxies).open(own, timeout=seconds) as answer:
                body = answer.read().decode("utf-8", "replace")  # RFC 8259, 8.1: JSON is UTF-8
                tracing.call_ended(answer.status)
                return {"status": answer.status, "headers": answer.headers, "body": body}
        except HTTPError as error:  # slack_sdk would read it outside of the bounds, and not close it
            tracing.call_ended(error.code)
            with error:
                body = error.read().decode("utf-8", "replace")
            del error.headers["Content-Type"]  # slack_sdk would take the charset in it, if there is one of that name
            raise HTTPError(url, error.code, error.msg, error.headers, BytesIO(body.encode())) from None
        except HTTPException as error:  # it repeats what came, up to 65,536 characters
            raise HTTPException(one_line(f"{type(error).__name__}: {error}")) from None

    def _proxies(self, url: str) -> dict[str, str] | None:
        """Return the proxies as slack_sdk has them; None: urllib looks. What is on this machine needs none."""
        if url.startswith("http:"):
            return {}
        return {"https": self.proxy} if self.proxy else None


class _Answer(HTTPResponse):
    def __init__(self, sock: Any, *args: Any, bounds: Bounds, **kwargs: Any) -> None:
        super().__init__(BoundedSocket(sock, bounds), *args, **kwargs)  # type: ignore[arg-type]  # it needs no more


class _Connection(HTTPConnection):
    def __init__(self, *args: Any, bounds: Bounds, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._bounds = bounds
        self.response_class = partial(_Answer, bounds=bounds)  # type: ignore[assignment]  # it is only called

    def connect(self) -> None:
        super().connect()
        self._bounds.connected(self.sock)


class _TlsConnection(_Connection, HTTPSConnection):
    pass


class _Http(HTTPHandler):
    def __init__(self, bounds: Bounds) -> None:
        super().__init__()
        self._bounds = bounds

    def http_open(self, req: Request) -> HTTPResponse:
        return self.do_open(partial(_Connection, bounds=self._bounds), req)


class _Https(HTTPSHandler):
    def __init__(self, bounds: Bounds) -> None:
        super().__init__()
        self._bounds = bounds

    def https_open(self, req: Request) -> HTTPResponse:
        made = partial(_TlsConnection, bounds=self._bounds, context=_tls())
        return self.do_open(made, req)


def _opener(bounds: Bounds, proxies: dict[str, str] | None) -> OpenerDirector:
    """Return what opens http and https, and nothing else; a redirect is an HTTPError like any other refusal."""
    opener = OpenerDirector()
    handlers: list[BaseHandler] = [ProxyHandler(proxies), _Http(bounds), _Https(bounds)]
    for handler in (*handlers, HTTPErrorProcessor(), HTTPDefaultErrorHandler()):
        opener.add_handler(handler)
    return opener


@cache
def _tls() -> ssl.SSLContext:
    """Return what checks certificates: read once, for that takes longer than a request."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
