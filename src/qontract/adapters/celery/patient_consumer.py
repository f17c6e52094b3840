"""What takes messages in a worker."""

from time import sleep

from celery.worker.consumer import Consumer

_SECONDS = 1


class PatientConsumer(Consumer):
    """Tries again once a second where Redis refuses, as a full one does.

    Celery has a pause only for one that is not there; else it begins again at once, and logs it each time.
    """

    def on_connection_error_before_connected(self, exc: Exception) -> None:
        """Log it, and wait."""
        super().on_connection_error_before_connected(exc)
        sleep(_SECONDS)

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Log it, close what is open, and wait."""
        super().on_connection_error_after_connected(exc)
        sleep(_SECONDS)
