"""What Redis keeps of a subscription for who asks later: what it asked for, and where its place began."""

from datetime import UTC, datetime
from typing import Any

from qontract.adapters.redis.records.entries import is_entry_id
from qontract.adapters.unreadable_values import excerpt, read_json
from qontract.domain.delivery_states import SubscriptionFilter, SubscriptionStart

_MAX_TYPES, _MAX_TYPE_LENGTH = 1000, 1000
_MAX_ATTEMPTS = 10**9


def filter_from(found: bytes | None, missing: list[str]) -> SubscriptionFilter | None:
    """Return what the subscription asked for; None if it is not known, and say so in `missing`."""
    if found is None:
        missing.append("interest: it is not known what it asks for; nobody has run it with this version")
        return None
    try:
        return _filter(read_json(found))
    except (ValueError, KeyError, TypeError) as error:
        missing.append(f"interest: {excerpt(f'{type(error).__name__}: {error}')}")
        return None


def start_from(found: bytes | None, entry: str, missing: list[str]) -> SubscriptionStart | None:
    """Return when the place was made or moved, if it begins after the entry; say in `missing` if it cannot be read."""
    if found is None:
        return None
    try:
        return _start(read_json(found), entry)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, OSError) as error:
        missing.append(f"place: {excerpt(f'{type(error).__name__}: {error}')}")
        return None


def position_of(entry_id: str) -> tuple[int, ...]:
    """Return the sort key of an id, its two numbers; () if the text is no id."""
    return tuple(map(int, entry_id.split("-"))) if is_entry_id(entry_id) else ()


def _filter(known: Any) -> SubscriptionFilter:
    types, attempts = known["types"][:_MAX_TYPES], known["max_attempts"]
    if not all(isinstance(one, str) and len(one) <= _MAX_TYPE_LENGTH for one in types):
        raise ValueError("a type is no text, or too long")
    if not isinstance(attempts, int) or not 0 < attempts <= _MAX_ATTEMPTS:
        raise ValueError("max_attempts is no number of attempts")
    return SubscriptionFilter(tuple(types), attempts, bool(known["shared"]))


def _start(known: Any, entry: str) -> SubscriptionStart | None:
    time, moved = datetime.fromtimestamp(known["at"] / 1000, UTC), bool(known["moved"])
    bound = known["after"] if moved else known.get("first")
    if bound is None:  # made on an empty stream: what had been there before, was gone
        is_before = position_of(entry)[0] < int(known["at"])
    elif is_entry_id(bound):
        is_before = position_of(entry) < position_of(bound) or (moved and position_of(entry) == position_of(bound))
    else:
        raise ValueError("no id of an entry")
    return SubscriptionStart(time, moved) if is_before else None
