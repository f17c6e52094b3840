"""The peer: a stream subscriber as FastStream's documentation writes it, with the same handler.

Only reading the CloudEvent, and the handler's time-out, which FastStream does not have, are added.
"""

import asyncio
import os

from faststream import FastStream
from faststream.redis import StreamSub

from qontract.adapters.cloudevents import Event
from qontract.adapters.redis.faststream import faststream_broker
from tests.chaos.handlers import TIMEOUT, work

broker = faststream_broker(os.environ["QAPI_CACHE_BROKER_URL"])
app = FastStream(broker)


@broker.subscriber(stream=StreamSub("qontract:{main}:events", group="recorder", consumer=os.environ["CHAOS_CONSUMER"]))
async def handle(event: Event) -> None:
    """Work, within the time."""
    async with asyncio.timeout(TIMEOUT):
        await work(event.id, 1)


if __name__ == "__main__":
    asyncio.run(app.run())
