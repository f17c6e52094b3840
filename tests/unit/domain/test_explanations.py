"""What the verdicts have in common."""

from qontract.domain.explanations import Verdict


def test_a_verdict_is_of_an_event_that_waits_or_is_given_up_or_neither() -> None:
    waits = {verdict for verdict in Verdict if verdict.waits}
    given_up = {verdict for verdict in Verdict if verdict.is_given_up}
    assert given_up == {Verdict.DEAD_LETTERED, Verdict.EXPIRED}
    assert waits == {
        *(Verdict.NOT_READ_YET, Verdict.WAITING_BEHIND, Verdict.IN_FLIGHT),
        *(Verdict.RETRYING, Verdict.PAUSED, Verdict.NO_REPLICA),
    }
