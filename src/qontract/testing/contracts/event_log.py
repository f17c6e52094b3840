"""What every EventLog promises: each line of the port's docstring.

Subclass EventLogContract, and give the fixture `events`: an `Events` (see `event_log_events`), which makes the views,
appends events, and disturbs them. Nothing else is needed:

    class TestRedisEventLog(EventLogContract):
        @pytest.fixture
        async def events(self, valkey_url: str) -> AsyncIterator[Events]:
            async with Redis.from_url(valkey_url) as client:
                yield RedisEvents(client)

- The tests are coroutines, run by anyio's plugin, and so are asynchronous fixtures, on the same loop. An adapter that
  takes its time from the loop can have a virtual one: give the fixture `anyio_backend` too, as the one in memory does.
- Time passes by `asyncio.sleep`: a few tenths of a second, which a real server needs too.
- Shared views claim after CLAIM_SECONDS, which `log` has to give them. A `wait` of 0 does not wait.
- `dead_letters` is called as it is, from the loop.
"""

from abc import abstractmethod

import pytest

from qontract.testing.contracts.event_log_ending import EndingContract
from qontract.testing.contracts.event_log_events import Events
from qontract.testing.contracts.event_log_holding import HoldingContract, KnowingContract
from qontract.testing.contracts.event_log_reading import LeadingContract, OpeningContract, ReadingContract


@pytest.mark.anyio
class EventLogContract(
    OpeningContract, LeadingContract, ReadingContract, EndingContract, HoldingContract, KnowingContract
):
    """Subclass it, and give the adapter. Tests that ask for `shared` are of both kinds of subscription."""

    @pytest.fixture
    @abstractmethod
    def events(self) -> Events:
        """Events of which none is kept yet."""

    @pytest.fixture(params=[False, True], ids=["ordered", "shared"])
    def shared(self, request: pytest.FixtureRequest) -> bool:
        return bool(request.param)
