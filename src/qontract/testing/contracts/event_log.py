"""The contract of EventLog: each line of the port's docstring is tested.

Subclass EventLogContract, and give the fixture `events`: an `Events` (see `event_log_events`), which makes views,
appends events, and makes faults. Nothing else is needed:

    class TestRedisEventLog(EventLogContract):
        @pytest.fixture
        async def events(self, valkey_url: str) -> AsyncIterator[Events]:
            async with Redis.from_url(valkey_url) as client:
                yield RedisEvents(client)

- anyio's plugin runs the tests and asynchronous fixtures on the same loop. If the adapter uses the time of the loop,
  the loop may have a virtual clock: give the fixture `anyio_backend` too, as the tests of the adapter in memory do.
- Time passes by `asyncio.sleep`, a few tenths of a second at a time.
- `log` has to make shared views that claim after CLAIM_SECONDS. A `wait` of 0 does not wait.
- `dead_letters` is called directly, on the loop.
"""

from abc import abstractmethod

import pytest

from qontract.testing.contracts.event_log_ending import EndingContract
from qontract.testing.contracts.event_log_events import Events
from qontract.testing.contracts.event_log_holding import HoldingContract, KnowingContract
from qontract.testing.contracts.event_log_opening import OpeningContract
from qontract.testing.contracts.event_log_reading import LeadingContract, ReadingContract


@pytest.mark.anyio
class EventLogContract(
    OpeningContract, LeadingContract, ReadingContract, EndingContract, HoldingContract, KnowingContract
):
    """Subclass it, and give the fixture `events`. Tests with `shared` run for both kinds of subscription."""

    @pytest.fixture
    @abstractmethod
    def events(self) -> Events:
        """A new log without events."""

    @pytest.fixture(params=[False, True], ids=["ordered", "shared"])
    def shared(self, request: pytest.FixtureRequest) -> bool:
        return bool(request.param)
