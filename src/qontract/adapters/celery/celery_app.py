"""Celery's own settings: each message is acknowledged when its job has ended, and holds nothing but JSON."""

from uuid import uuid4

from celery import Celery
from kombu.transport import TRANSPORT_ALIASES

from qontract.adapters.celery.kombu_transport import JobsTransport
from qontract.adapters.celery.messages import MAX_COUNTDOWN, QUEUE
from qontract.domain.server_address import server_address

GRACE_SECONDS = 90
"""How long after its time limit a process that did not end its job is killed: enough to outlast storing the result."""


_TRANSPORT = "qontract-redis"
"""The name of our transport among those of kombu: its own would read another URL than redis-py does."""


def celery_app(url: str, *, prefix: str, time_limit: int) -> Celery:
    """Return the Celery application, not connected; its keys in Redis are below `prefix`, its limit is in seconds."""
    TRANSPORT_ALIASES[_TRANSPORT] = f"{JobsTransport.__module__}:{JobsTransport.__name__}"
    app = Celery("qontract", broker=f"{_TRANSPORT}://", set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        broker_channel_error_retry=True,  # Redis is full, or refuses: the worker goes on when that is over
        broker_connection_max_retries=None,
        broker_connection_retry_on_startup=True,
        broker_transport_options={
            "address": server_address(url),
            "global_keyprefix": prefix,
            "health_check_interval": 5,  # a server that hangs is left in about twice that
            "max_retries": 1,
            "pool": uuid4().hex,  # of its own: kombu shares connections where options look equal
            "socket_connect_timeout": 2,
            "socket_timeout": 5,
            "unacked_restore_throttle": 1,
            "visibility_timeout": max(time_limit, MAX_COUNTDOWN) + GRACE_SECONDS + 30,
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
        worker_consumer="qontract.adapters.celery.patient_consumer:PatientConsumer",
        worker_enable_remote_control=False,
        worker_prefetch_multiplier=1,
        worker_send_task_events=False,
    )
    return app
