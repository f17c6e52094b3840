"""Where a key set comes from: a file, or a URL."""

from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path

import httpx

from qontract.adapters.bounded_transport import BoundedTransport
from qontract.adapters.call_bounds import Bounds, OutOfBoundsError
from qontract.adapters.jwks.keys import parse_keys
from qontract.adapters.one_line_text import one_line
from qontract.adapters.safe_urls import check_trusted_url
from qontract.application import tracing
from qontract.application.ports.key_set import KeySet, KeySetError, PublicKey

DOCUMENT_BYTES = 2**20
"""Bytes of a document: a hundred keys have about a hundred thousand."""


class FileKeySet(KeySet):
    """The key set in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Sequence[PublicKey]:
        """Return the keys."""
        try:
            with self._path.open("rb") as file:
                document = file.read(DOCUMENT_BYTES + 1)
        except OSError as error:
            raise KeySetError(f"the file cannot be read: {error.strerror}") from None
        if len(document) > DOCUMENT_BYTES:
            raise KeySetError(f"the file is longer than {DOCUMENT_BYTES} bytes")
        return parse_keys(document)


class HttpKeySet(KeySet):
    """The key set at a URL: https, or http on this machine. Raises ValueError for another one.

    Who answers there is believed: he says who may do what. No redirect is followed, and an answer has `timeout` seconds
    in all and a bounded length.
    """

    def __init__(self, url: str, *, timeout: float = 5) -> None:
        self._url = check_trusted_url(url)
        self._timeout = timeout

    def read(self) -> Sequence[PublicKey]:
        """Return the keys."""
        bounds = Bounds(seconds=self._timeout, attempt=self._timeout, answer_bytes=DOCUMENT_BYTES)
        try:
            transport = BoundedTransport(bounds, self._url)
            span = tracing.calling("GET", httpx.URL(self._url).path)
            with span, httpx.Client(transport=transport, trust_env=False, timeout=self._timeout) as client:
                answer = client.get(self._url, headers={"accept": "application/jwk-set+json, application/json"})
        except OutOfBoundsError as error:
            raise KeySetError(f"the answer {error}") from None
        except Exception as error:  # noqa: BLE001 - httpx, of what is no HTTP, or of no URL: any
            raise KeySetError(one_line(f"no answer: {type(error).__name__}: {error}")) from None
        if answer.status_code != HTTPStatus.OK:
            raise KeySetError(f"the answer is HTTP {answer.status_code}")
        return parse_keys(answer.content)


def key_set_at(source: str) -> FileKeySet | HttpKeySet:
    """Return the key set at this URL, or else in the file of this path. Raises ValueError."""
    return HttpKeySet(source) if "://" in source else FileKeySet(Path(source))
