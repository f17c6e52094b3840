"""The job queue on Celery, without a server."""

from qontract.adapters.celery import CeleryJobQueue


def test_two_queues_of_one_process_have_a_task_each() -> None:
    queues = [CeleryJobQueue("redis://127.0.0.1:1/0", {}, prefix=f"{name}:", time_limit=60) for name in ("one", "two")]
    for queue in queues:
        queue.app.finalize()
    one, two = (queue.app.tasks["qontract.run"] for queue in queues)
    assert one.app is not two.app
    assert one.run is not two.run
