"""What takes messages in a worker."""

from time import sleep
from typing import Any

from celery.worker.consumer import Consumer

from qontract.adapters.celery.channel import JobsChannel

_SECONDS = 1


class PatientConsumer(Consumer):
    """Takes messages of jobs and no others; tries again once a second where Redis refuses, as a full one does.

    Celery has a pause only for one that is not there; else it begins again at once, and logs it each time.
    """

    def connection_for_read(self, heartbeat: float | None = None) -> Any:
        """Return a connection with channels of our own: the transport makes one as soon as it connects."""
        connection = self.app.connection_for_read(heartbeat=heartbeat)
        connection.transport.Channel = JobsChannel  # type: ignore[attr-defined] # kombu-stubs leave it out
        return self.ensure_connected(connection)

    def on_connection_error_before_connected(self, exc: Exception) -> None:
        """Log it, and wait."""
        super().on_connection_error_before_connected(exc)
        sleep(_SECONDS)

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Log it, close what is open, and wait."""
        super().on_connection_error_after_connected(exc)
        sleep(_SECONDS)
