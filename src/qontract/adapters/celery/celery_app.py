"""Celery's own settings: each message is acknowledged when its job has ended, and holds nothing but JSON."""

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from celery import Celery
from kombu.transport import TRANSPORT_ALIASES

from qontract.adapters.celery.channel import JobsTransport
from qontract.adapters.celery.messages import LONGEST_COUNTDOWN, QUEUE
from qontract.domain.server_address import server_address

GRACE_SECONDS = 90
"""How long after its time limit a process that did not end its job is killed: enough to outlast storing the result."""


_TRANSPORT = "qontract-redis"
"""What kombu has as the transport's name, and shows in its log lines."""


class _Celery(Celery):
    def _connection(self, *args: Any, **how: Any) -> Any:
        """Return a connection whose channels are ours, whatever its URL is."""
        connection = super()._connection(*args, **how)  # type: ignore[misc] # celery-types leave it out
        connection.transport_cls = _TRANSPORT
        return connection


def celery_app(url: str, *, prefix: str, time_limit: int) -> Celery:
    """Return the Celery application, not connected; its keys in Redis are below `prefix`, its limit is in seconds."""
    TRANSPORT_ALIASES[_TRANSPORT] = f"{JobsTransport.__module__}:{JobsTransport.__name__}"
    address = server_address(url)
    app = _Celery("qontract", broker=broker_url(address.url), set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        broker_channel_error_retry=True,  # Redis is full, or refuses: the worker goes on when that is over
        broker_connection_max_retries=None,
        broker_connection_retry_on_startup=True,
        broker_transport_options={
            "address": address,
            "global_keyprefix": prefix,
            "max_retries": 1,
            "socket_connect_timeout": 2,
            "socket_timeout": 10,
            "unacked_restore_throttle": 1,
            "visibility_timeout": max(time_limit, LONGEST_COUNTDOWN) + GRACE_SECONDS + 30,
        },
        task_acks_late=True,
        task_acks_on_timeout=False,
        task_default_queue=QUEUE,
        task_ignore_result=True,
        task_reject_on_worker_lost=True,
        task_serializer="json",
        task_soft_time_limit=time_limit,
        task_time_limit=time_limit + GRACE_SECONDS,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_consumer="qontract.adapters.celery.consumer:PatientConsumer",
        worker_enable_remote_control=False,
        worker_prefetch_multiplier=1,
        worker_send_task_events=False,
    )
    return app


def broker_url(url: str) -> str:
    """Return a URL for redis-py as Celery's transport wants it, with the same meaning.

    The transport has another name for unix sockets, and would not verify certificates unless it is told to.
    """
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    if parts.scheme == "unix":
        query["virtual_host"] = query.pop("db", "0")
        return f"redis+socket://{parts.netloc}{parts.path}?{urlencode(query)}"
    if parts.scheme == "rediss":
        query.setdefault("ssl_cert_reqs", "required")
    return parts._replace(query=urlencode(query)).geturl()
