"""The peer of a job: the least that a Celery task can be. `celery -A benchmarks.plain_celery worker`."""

import os

from celery import Celery

app = Celery("plain", broker=os.environ["BENCH_BROKER_URL"], backend=os.environ["BENCH_BROKER_URL"])
app.conf.update(broker_connection_retry_on_startup=True, worker_hijack_root_logger=False)


@app.task
def add(a: int, b: int) -> int:
    return a + b
