"""What works beside the handlers, and breaks off."""

import asyncio

import pytest

from qontract.entrypoints.subscriber.background_tasks import keep_running
from tests.support.delivering import on_virtual_clock


class Breaking:
    """Work that breaks off; `begun` is when it began."""

    def __init__(self, *errors: BaseException) -> None:
        self._errors = list(errors)
        self.begun: list[float] = []

    async def __call__(self) -> None:
        self.begun.append(asyncio.get_running_loop().time())
        if self._errors:
            raise self._errors.pop(0)


def test_a_background_task_that_ended_is_logged_and_started_again(caplog: pytest.LogCaptureFixture) -> None:
    work = Breaking(ValueError("broken"), asyncio.CancelledError(), RuntimeError("again"))
    on_virtual_clock(lambda: keep_running("stream maintenance", work))()
    assert len(work.begun) == 4
    assert {record.getMessage() for record in caplog.records} == {"background task broke off; it is started again"}
    assert [record.__dict__["task"] for record in caplog.records] == ["stream maintenance"] * 3
    assert all(record.exc_info for record in caplog.records)


def test_what_breaks_off_each_time_is_started_again_once_a_minute_at_the_latest() -> None:
    work = Breaking(*(ValueError("broken") for _ in range(20)))
    on_virtual_clock(lambda: keep_running("stream maintenance", work))()
    pauses = [round(later - earlier) for earlier, later in zip(work.begun, work.begun[1:], strict=False)]
    assert pauses == [1, 2, 4, 8, 16, 32] + [60] * 14


@on_virtual_clock
async def test_a_background_task_that_is_cancelled_ends() -> None:
    task = asyncio.create_task(keep_running("stream maintenance", lambda: asyncio.sleep(1000)))
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
