"""What works beside the handlers for as long as the process runs: it is started again if it breaks off."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from qontract.entrypoints import metrics

log = logging.getLogger(__name__)

_SHORTEST_PAUSE, _MAX_WAIT = 1.0, 60.0
_WELL_SECONDS = 120.0
"""After so long at work, what breaks off is started again as soon as if it was the first time."""


async def keep_running(name: str, work: Callable[[], Awaitable[object]]) -> None:
    """Do the work until it returns. If it breaks off, say so and begin again, after a pause that grows to a minute.

    A cancellation that nobody asked for is such a break too.
    """
    metrics.BACKGROUND_FAILED.labels(name)
    loop, pause = asyncio.get_running_loop(), _SHORTEST_PAUSE
    while True:
        begun = loop.time()
        try:
            await work()
        except (Exception, asyncio.CancelledError) as error:
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and (task is None or task.cancelling()):
                raise
            metrics.BACKGROUND_FAILED.labels(name).inc()
            log.exception("background task broke off; it is started again", extra={"task": name})
        else:
            return
        if loop.time() - begun > _WELL_SECONDS:
            pause = _SHORTEST_PAUSE
        await asyncio.sleep(pause)
        pause = min(_MAX_WAIT, 2 * pause)
