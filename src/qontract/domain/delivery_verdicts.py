"""What became of an event for one subscription, why, and what to do next: facts in, verdict out. Pure."""

from datetime import datetime, timedelta
from difflib import get_close_matches

from qontract.domain.dead_letters import DeadLetter
from qontract.domain.delivery_outcomes import DeliveryOutcome, EndedDelivery
from qontract.domain.delivery_states import PendingEntry, SubscriptionStart
from qontract.domain.events import type_pattern
from qontract.domain.explanations import DeliveryFacts, Predecessor, SubscriptionFinding, Verdict
from qontract.domain.health_findings import count_of
from qontract.domain.subscriptions import ALIVE_SECONDS, State, duration, next_step, why_not_run

_MAX_TYPE_LENGTH = 200


def explain_delivery(facts: DeliveryFacts) -> SubscriptionFinding:
    """Return the verdict and its reason: the first that holds, from what has ended to what is not known."""
    return _ended(facts) or _without_delivery(facts) or _held_up(facts) or _in_progress(facts) or _lost(facts)


def _found(
    facts: DeliveryFacts, verdict: Verdict, reason: str, following: str | None = None, **details: str | float | None
) -> SubscriptionFinding:
    if given := facts.redriven:
        by = given.by or "somebody"
        reason = f"{reason}; redriven{_at(given.time)} by {by}"
        details |= {"redriven": _time(given.time), "redriven_by": by}
    return SubscriptionFinding(facts.view.name, verdict, reason, following, details, facts.state.missing)


def _ended(facts: DeliveryFacts) -> SubscriptionFinding | None:
    """Say how it ended. If there is a dead letter too, whatever happened later counts."""
    ended, letter = facts.state.ended, facts.letter
    done = ended if ended and ended.outcome is not DeliveryOutcome.EXPIRED else None
    if letter and not (done and letter.died and done.time > letter.died):
        return _dead_lettered(facts, letter)
    if found := _discarded(facts, done.time if done else None):
        return found
    return _handled(facts, done) if done else None


def _dead_lettered(facts: DeliveryFacts, letter: DeadLetter) -> SubscriptionFinding:
    return _found(
        facts,
        Verdict.DEAD_LETTERED,
        f"after {count_of(len(letter.failures), 'attempt')}{_at(letter.died)}: {letter.error}",
        f"qontract dead-letters redrive {letter.id}",
        letter=letter.id,
        when=_time(letter.died),
        attempts=len(letter.failures),
        error=letter.error,
    )


def _handled(facts: DeliveryFacts, ended: EndedDelivery) -> SubscriptionFinding:
    again = "; it comes again" if facts.state.pending or not facts.state.is_read else ""
    if ended.outcome is DeliveryOutcome.DEDUPLICATED:
        reason = f"an event with its source and id had been handled before{_at(ended.time)}{again}"
        return _found(facts, Verdict.DEDUPLICATED, reason, when=_time(ended.time))
    return _found(
        facts,
        Verdict.HANDLED,
        f"{_at(ended.time).strip()}, with {count_of(ended.attempts, 'attempt')}, in {ended.seconds:g} s{again}",
        when=_time(ended.time),
        attempts=ended.attempts,
        seconds=ended.seconds,
    )


def _discarded(facts: DeliveryFacts, done: datetime | None) -> SubscriptionFinding | None:
    """Say who discarded its dead letter, if the event was not handled later, and does not come again."""
    gone = facts.discarded
    if gone is None or facts.state.is_to_come or (done and done > (gone.failed or gone.time)):
        return None
    by = gone.by or "somebody"
    return _found(
        facts,
        Verdict.DEAD_LETTERED,
        f"after {count_of(gone.attempts, 'attempt')}{_at(gone.failed)}: {gone.error}; {by} discarded the letter"
        f"{_at(gone.time)}",
        "publish it again, if it has to be handled",
        when=_time(gone.failed or gone.time),
        attempts=gone.attempts,
        error=gone.error,
        discarded=_time(gone.time),
        discarded_by=by,
    )


def _without_delivery(facts: DeliveryFacts) -> SubscriptionFinding | None:
    """Say that the subscription does not want it, or begins after it."""
    state = facts.state
    if state.wanted and facts.event_type is not None and not state.pending and not state.is_redriven:
        types = state.wanted.types
        if not any(type_pattern(one).fullmatch(facts.event_type) for one in types):
            return _not_wanted(facts, facts.event_type, types)
    if state.later and not state.is_to_come:
        return _subscribed_later(facts, state.later)
    return None


def _not_wanted(facts: DeliveryFacts, event_type: str, types: tuple[str, ...]) -> SubscriptionFinding:
    asked = {one[:_MAX_TYPE_LENGTH]: one for one in types}
    near = get_close_matches(event_type[:_MAX_TYPE_LENGTH], asked, n=1, cutoff=0)
    said = f"; the nearest that it asks for is {near[0]}" if near else ", and it asks for none"
    reason = f"it does not ask for the type {event_type}{said}"
    hint = "add the type to `types` of its handler, if it is to have such events"
    return _found(facts, Verdict.NOT_WANTED, reason, hint, pattern=near[0] if near else None)


def _subscribed_later(facts: DeliveryFacts, later: SubscriptionStart) -> SubscriptionFinding:
    how = "was moved beyond it" if later.moved else "was made after it"
    seek = f"qontract subscriptions seek {facts.view.name} --to start --dry-run"
    return _found(
        facts,
        Verdict.SUBSCRIBED_LATER,
        f"the subscription's place {how}{_at(later.time)}",
        seek if facts.state.is_kept else None,
        when=_time(later.time),
    )


def _held_up(facts: DeliveryFacts) -> SubscriptionFinding | None:
    """Say why nobody handles any event of the subscription, if this one is still to be handled."""
    view = facts.view
    if not facts.state.is_to_come:
        return None
    if paused := view.paused:
        by = paused.by or "somebody"
        following = f"qontract subscriptions resume {view.name}"
        return _found(facts, Verdict.PAUSED, f"by {by}{_at(paused.since)}", following, by=by, when=_time(paused.since))
    if not view.is_run:
        following = next_step(State.NO_REPLICA, view.name) or ""
        return _found(facts, Verdict.NO_REPLICA, why_not_run(view), following, silent_seconds=view.alive_seconds)
    return None


def _in_progress(facts: DeliveryFacts) -> SubscriptionFinding | None:
    """Say what it waits for, or that it is in flight."""
    state = facts.state
    if pending := state.pending:
        if facts.predecessor:
            return _waiting(facts, facts.predecessor)
        if pending.failures or (pending.due and pending.due > facts.now):
            return _retrying(facts, pending)
        return _in_flight(facts, pending)
    if not state.is_redriven and (state.is_read or not state.is_kept):
        return None
    number = state.unread_before
    return _found(
        facts,
        Verdict.NOT_READ_YET,
        f"{count_of(number, 'event')} before it {'is' if number == 1 else 'are'} not read yet, at least",
        f"qontract subscriptions show {facts.view.name}",
        unread_before=number,
    )


def _waiting(facts: DeliveryFacts, predecessor: Predecessor) -> SubscriptionFinding:
    pending = predecessor.pending
    failed = f"; it failed {count_of(len(pending.failures), 'time')}" if pending.failures else ""
    due = f", and is tried again{_at(pending.due)}" if pending.due and pending.due > facts.now else ""
    return _found(
        facts,
        Verdict.WAITING_BEHIND,
        f"event {predecessor.event_id or '(unreadable)'} of its order key comes first;"
        f" {pending.replica} holds it{failed}{due}",
        f"qontract why {pending.entry}",
        entry=pending.entry,
        event=predecessor.event_id,
        replica=pending.replica,
        attempts=len(pending.failures),
        due=_time(pending.due),
    )


def _retrying(facts: DeliveryFacts, pending: PendingEntry) -> SubscriptionFinding:
    of = facts.state.wanted.max_attempts if facts.state.wanted else None
    number = len(pending.failures) + 1
    error = pending.failures[-1].error if pending.failures else "the handler asked for it to be retried later"
    if pending.begun:
        when = f"has run{_at(pending.begun).replace(' at', ' since')}"
    else:
        when = f"comes{_at(pending.due)}" if pending.due and pending.due > facts.now else "is due"
    return _found(
        facts,
        Verdict.RETRYING,
        f"attempt {number}{f' of {of}' if of else ''} {when}; the last: {error}",
        f"fix what the error says; `attempt failed` in the log of {pending.replica} has all of it",
        attempt=number,
        of=of,
        error=error,
        due=_time(pending.due),
        replica=pending.replica,
    )


def _in_flight(facts: DeliveryFacts, pending: PendingEntry) -> SubscriptionFinding:
    wanted = facts.state.wanted
    if wanted and wanted.shared:
        reason = f"{pending.replica} has it, showed so {duration(pending.seconds)} ago,"
        return _held_by(facts, pending, reason, pending.seconds, is_silent=pending.seconds > ALIVE_SECONDS)
    view, since = facts.view, facts.now - timedelta(seconds=pending.seconds)
    beat = {one.name: one.idle_seconds for one in view.replicas}.get(pending.replica)
    more = ", as far as was looked at" if facts.state.ahead_more else ""
    if not facts.state.is_kept:
        more = "; it is in the stream no more: should that replica end, it is lost"
    return _held_by(
        facts,
        pending,
        f"{pending.replica} has it{_at(since).replace(' at', ' since')},",
        beat,
        is_silent=beat is None or view.leader not in {"", pending.replica},
        more=f"; nothing of its order key comes first{more}",
        since=since,
    )


def _held_by(
    facts: DeliveryFacts,
    pending: PendingEntry,
    reason: str,
    beat: float | None,
    *,
    is_silent: bool,
    more: str = "",
    since: datetime | None = None,
) -> SubscriptionFinding:
    """Say that a replica holds it. `beat` is how many seconds ago the replica last showed life."""
    said = "shows no life: another one claims it soon" if is_silent else "lives"
    return _found(
        facts,
        Verdict.IN_FLIGHT,
        f"{reason} and {said}{more}",
        f"qontract subscriptions show {facts.view.name}",
        replica=pending.replica,
        since=_time(since),
        heartbeat=None if beat is None else _time(facts.now - timedelta(seconds=beat)),
    )


def _lost(facts: DeliveryFacts) -> SubscriptionFinding:
    """Say that it was removed before it was handled, or that nothing says what became of it."""
    ended, state = facts.state.ended, facts.state
    if ended or (not state.is_kept and not state.missing):
        when = _at(ended.time) if ended else ""
        reason = f"it was removed from the stream before it was handled{when}, as far as anything says"
        hint = "look for XTRIM, XDEL and DEL by somebody, and for eviction; publish it again if it has to be handled"
        return _found(facts, Verdict.EXPIRED, reason, hint, when=_time(ended.time) if ended else None)
    reason = "it was acknowledged, and nothing says how it ended: by an older version, or its record is gone"
    if state.missing:
        reason = "not all could be read that may say it"
    following = f"qontract subscriptions show {facts.view.name}"
    return _found(facts, Verdict.UNKNOWN, reason, following)


def _at(time: datetime | None) -> str:
    return f" at {time:%Y-%m-%d %H:%M:%S} UTC" if time else ""


def _time(time: datetime | None) -> str | None:
    return time.isoformat(timespec="milliseconds") if time else None
