"""Whether an event is still to come for a subscription."""

import pytest

from qontract.domain.delivery_states import DeliveryState


@pytest.mark.parametrize(
    ("state", "is_to_come"),
    [
        (DeliveryState(is_read=False), True),
        (DeliveryState(is_read=True), False),
        (DeliveryState(is_kept=False, is_read=False), False),
        (DeliveryState(is_kept=False, is_read=True, is_redriven=True), True),
    ],
    ids=["not read", "read", "trimmed before it was read", "redriven"],
)
def test_an_event_is_to_come_while_it_is_unread_and_kept_or_when_it_is_redriven(
    state: DeliveryState, is_to_come: bool
) -> None:
    assert state.is_to_come is is_to_come
