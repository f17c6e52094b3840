"""How people say numbers."""

import pytest

from qontract.domain.health_findings import events_wait, size


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "0 bytes"), (999, "999 bytes"), (12_300, "12.3 kB"), (5e6, "5.0 MB"), (7.25e9, "7.2 GB"), (3e15, "3000.0 TB")],
)
def test_a_size_has_the_unit_that_makes_it_short(number: float, said: str) -> None:
    assert size(number) == said


def test_one_event_is_no_events() -> None:
    assert [events_wait(number) for number in (0, 1, 2)] == ["0 events wait", "1 event waits", "2 events wait"]
