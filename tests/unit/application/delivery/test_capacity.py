"""How much a subscription holds at once."""

import asyncio

from qontract.application.delivery.capacity import Capacity
from qontract.application.ports.event_log import Entry
from tests.support.delivering import on_virtual_clock


def an_entry(size: int = 9) -> Entry:
    return Entry(key=object(), content=b"x" * size)


def test_an_entry_takes_room_for_itself_and_its_bytes_until_it_is_freed() -> None:
    capacity, entry = Capacity(10, 1000), an_entry(99)
    capacity.take([entry])
    assert (capacity.entries, capacity.bytes) == (9, 900)
    capacity.free(entry)
    assert (capacity.entries, capacity.bytes) == (10, 1000)


def test_an_entry_that_is_freed_twice_gives_its_room_back_once_though_its_content_is_gone() -> None:
    capacity, entry = Capacity(10, 1000), an_entry()
    capacity.take([entry])
    entry.content = None
    capacity.free(entry)
    capacity.free(entry)
    assert (capacity.entries, capacity.bytes) == (10, 1000)


@on_virtual_clock
async def test_there_is_room_at_once_while_nothing_is_held() -> None:
    loop = asyncio.get_running_loop()
    assert await Capacity(10, 1000).wait_for(10, 5)
    assert loop.time() == 0


@on_virtual_clock
async def test_it_waits_for_the_room_that_is_asked_for_but_not_longer_than_told_and_some_room_is_enough_then() -> None:
    loop, capacity = asyncio.get_running_loop(), Capacity(2, 1000)
    capacity.take([an_entry()])
    assert await capacity.wait_for(2, 5)
    assert loop.time() == 5


@on_virtual_clock
async def test_it_goes_on_as_soon_as_there_is_the_room_that_is_asked_for() -> None:
    loop, capacity, entries = asyncio.get_running_loop(), Capacity(3, 1000), [an_entry() for _ in range(3)]
    for when, entry in enumerate(entries, 1):
        capacity.take([entry])
        loop.call_later(when, capacity.free, entry)
    assert await capacity.wait_for(2, 60)
    assert loop.time() == 2


@on_virtual_clock
async def test_there_is_no_room_for_entries_where_there_is_none_for_bytes() -> None:
    loop, capacity, large = asyncio.get_running_loop(), Capacity(10, 1000), an_entry(5_000)
    capacity.take([large])
    assert not await capacity.wait_for(1, 5)
    loop.call_later(2, capacity.free, large)
    assert await capacity.wait_for(1, 5)
    assert loop.time() == 7


@on_virtual_clock
async def test_there_is_no_room_when_as_many_are_held_as_may_be() -> None:
    capacity = Capacity(1, 1000)
    capacity.take([an_entry()])
    assert not await capacity.wait_for(1, 5)


@on_virtual_clock
async def test_where_not_one_byte_is_left_it_is_waited_for() -> None:
    capacity, entry = Capacity(9, 10), an_entry()
    capacity.take([entry])
    assert (capacity.bytes, await capacity.wait_for(1, 5)) == (0, False)
    assert asyncio.get_running_loop().time() == 5
    capacity.free(entry)
    assert await capacity.wait_for(1, 5)


@on_virtual_clock
async def test_the_last_entry_and_the_last_byte_are_room() -> None:
    capacity = Capacity(2, 11)
    capacity.take([an_entry()])
    assert (capacity.entries, capacity.bytes, await capacity.wait_for(1, 5)) == (1, 1, True)
    assert asyncio.get_running_loop().time() == 0
