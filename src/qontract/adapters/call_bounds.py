"""What calls to an outside system may cost, and how they are given up."""

import socket
from contextlib import suppress
from time import monotonic

ANSWER_BYTES = 32 * 2**20
"""Bytes of one answer, with its head: a page of users has about two million."""
PAGED_BYTES = 512 * 2**20
"""Bytes of all answers of a paged read."""


class OutOfBoundsError(Exception):
    """An answer, or all of a paged read, has no end that is worth waiting for. The message is a part of a sentence."""


class Bounds:
    """The bounds of one call, its retries and all pages included: `seconds` from now on.

    `attempt`: seconds for one request with all bytes of its answer, which are `answer_bytes` at most. `max_wait`:
    seconds that are waited when the system wants to be asked later; None: it is not waited for.

    `abandon` may be called from another thread: nothing is sent from then on, and who waits for an answer is woken.
    """

    def __init__(
        self, *, seconds: float, attempt: float, max_wait: float | None = None, answer_bytes: int | None = None
    ) -> None:
        self.max_wait = max_wait
        self._max_answer = answer_bytes or ANSWER_BYTES
        self._attempt = attempt
        self._until = monotonic() + seconds
        self._attempt_until = self._until
        self._answer_bytes = 0
        self._bytes = 0
        self._abandoned = False
        self._socket: socket.socket | None = None

    def begin(self) -> float:
        """Begin an attempt, and return how many seconds it has."""
        self._attempt_until = min(self._until, monotonic() + self._attempt)
        self._answer_bytes = 0
        return self.seconds_left()

    def allow(self, pause: float) -> bool:
        """Say whether there is time for another attempt after such a pause."""
        return not self._abandoned and monotonic() + pause < self._until

    def seconds_left(self) -> float:
        """Return what is left for the attempt. Raises TimeoutError: nothing is, or the call was abandoned."""
        left = self._attempt_until - monotonic()
        if self._abandoned or left <= 0:
            raise TimeoutError("abandoned" if self._abandoned else "the whole answer took too long")
        return left

    def count(self, received: int) -> None:
        """Count bytes of the answer. Raises OutOfBoundsError."""
        self._answer_bytes += received
        self._bytes += received
        if self._answer_bytes > self._max_answer:
            raise OutOfBoundsError(f"is longer than {self._max_answer} bytes")
        if self._bytes > PAGED_BYTES:
            raise OutOfBoundsError(f"is longer than {PAGED_BYTES} bytes in all")

    def connected(self, connection: socket.socket) -> None:
        """Take note of the connection, before anything is sent. Raises TimeoutError, as seconds_left does."""
        self._socket = connection  # before it is asked whether the call was abandoned: `abandon` does it the other way
        connection.settimeout(self.seconds_left())

    def abandon(self) -> None:
        """Give the call up."""
        self._abandoned = True
        if self._socket is not None:
            with suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)  # of a TLS connection too: it says no goodbye
