"""Replicas on a real Valkey, while somebody pauses their subscription and moves it."""

import pytest

from qontract.adapters.redis import RedisSubscriptions
from qontract.application.ports.event_handler import Policy
from qontract.application.ports.subscriptions import BusyError
from tests.support.delivering import NAME, Handler, an_event
from tests.support.redis_delivery import publish, replica
from tests.support.redis_event_log import KEYS
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("shared", [False, True], ids=["ordered", "shared"])
async def test_two_replicas_pause_are_moved_and_go_on_from_there(valkey_url: str, shared: bool) -> None:
    control = RedisSubscriptions(valkey_url, channel="main", stream=KEYS.stream)
    first, second = Handler(Policy(shared=shared)), Handler(Policy(shared=shared))

    def handled() -> list[int]:
        return sorted(first.handled + second.handled)

    publish(valkey_url, *map(an_event, range(5)))
    async with replica(valkey_url, first, "one") as one, replica(valkey_url, second, "two") as two:
        loops = one.loops[NAME], two.loops[NAME]
        await eventually(lambda: handled() == [0, 1, 2, 3, 4])
        with pytest.raises(BusyError):
            control.seek(NAME, "start")
        assert control.pause(NAME, "me")
        await eventually(lambda: all(loop.paused and loop.session is None for loop in loops))
        publish(valkey_url, an_event(5))
        view = control.get(NAME)
        assert view
        assert (view.lag, view.pending, view.leader) == (1, 0, "")
        assert handled() == [0, 1, 2, 3, 4]
        assert control.seek(NAME, "start")
        assert control.resume(NAME)
        await eventually(lambda: handled() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5])
        await eventually(lambda: (found := control.get(NAME)) is not None and found.lag + found.pending == 0)
