from collections.abc import Iterator

import pytest

from qontract.domain import events


@pytest.fixture(autouse=True)
def _types() -> Iterator[None]:
    """Forget the event types of a test."""
    known = dict(events.catalogue())
    yield
    events._types.clear()
    events._types.update(known)
