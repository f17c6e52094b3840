"""Whether one history of a server continues another one."""

import pytest

from qontract.domain.replication_position import ReplicationPosition

EARLIER = ReplicationPosition("run", "replication", 100)


@pytest.mark.parametrize("offset", [100, 101])
def test_a_history_that_has_come_as_far_or_further_continues(offset: int) -> None:
    assert ReplicationPosition("run", "replication", offset).continues(EARLIER)


@pytest.mark.parametrize(
    "later",
    [
        ReplicationPosition("another", "replication", 200),
        ReplicationPosition("run", "another", 200),
        ReplicationPosition("run", "replication", 99),
    ],
    ids=["another run", "another line of changes", "it fell back"],
)
def test_another_run_another_line_of_changes_and_one_that_fell_back_do_not(later: ReplicationPosition) -> None:
    assert not later.continues(EARLIER)
