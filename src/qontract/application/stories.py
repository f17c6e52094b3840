"""Use case: why something was, or was not, done: an event, a job, a subject, a person."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from qontract.application.event_search import MOST_LOOKED_AT, Search
from qontract.application.ports.kept_events import Span
from qontract.application.ports.kept_jobs import KeptJobs, KeptJobsError
from qontract.application.why import Why
from qontract.domain.kept_events import KeptEvent
from qontract.domain.kept_jobs import JobView
from qontract.domain.passport import Passport
from qontract.domain.stories import JobNote, Mention, Story, concerned, concerns, note_of

_MOST_JOBS, _MOST_NOTES = 100, 5


class Stories:
    """Tells what became of anything that has a name. `jobs`: None where they are not to be told.

    `most` events are looked at, and `limit` of those that concern the name are told. Raises KeptEventsError and
    SubscriptionsError: without these stores nothing can be said.
    """

    def __init__(self, why: Why, jobs: KeptJobs | None = None, *, most: int = MOST_LOOKED_AT, limit: int = 10) -> None:
        self._why = why
        self._jobs = jobs
        self._most = most
        self._limit = limit

    def about(self, name: str, source: str | None = None) -> Passport | Story | None:
        """Return the passport of an event of this entry or id; or the story of a job, a subject or a person.

        None if nothing is known of the name. With a `source` only an event is meant.
        """
        self._why.kept.page(Span(newest_first=True), 1)  # if that store is away, so are the others: ask no more of them
        if source is not None:
            return self._with_job(self._why.event(name, source))
        if passport := self._why.at_once(name):
            return self._with_job(passport)
        missing: list[str] = []
        job = self._job(name, missing)
        wanted = job.correlation_id or name if job else name

        def is_about(event: KeptEvent) -> bool:
            return event.id == name or concerned(event, wanted) is not None

        search = Search(self._why.kept, is_about, Span(newest_first=True), limit=self._limit, most=self._most)
        events = list(search)
        named = next((event for event in events if event.id == name), None)
        if named and not job:
            return self._with_job(self._why.of(named))
        notes = [note_of(job)] if job else self._notes(name, missing)
        if not events and not notes:
            return self._with_job(self._why.elsewhere(name))
        mentions = [Mention(self._why.of(event), concerned(event, wanted) or ()) for event in events]
        return Story(name, tuple(notes), tuple(mentions), search.looked_at, bool(search.next), tuple(missing))

    def _job(self, name: str, missing: list[str]) -> JobView | None:
        try:
            return self._jobs.get(name) if self._jobs else None
        except KeptJobsError as error:
            missing.append(f"jobs: {error}")
            return None

    def _with_job(self, passport: Passport | None) -> Passport | None:
        """Add the id of the job that was of the same request, if it is among the newest."""
        request = passport.event.text("correlationid") if passport and passport.event else None
        if passport is None or self._jobs is None or request is None:
            return passport
        try:
            views = self._jobs.list(limit=_MOST_JOBS)
            job = next((view.id for view in views if view.correlation_id == request), "")
        except KeptJobsError as error:
            return replace(passport, missing=(*passport.missing, f"jobs: {error}"))
        return replace(passport, job=job)

    def _notes(self, name: str, missing: list[str]) -> list[JobNote]:
        """Return the newest jobs that planned something for the name."""
        notes: list[JobNote] = []
        try:
            for known in self._jobs.list(limit=_MOST_JOBS) if self._jobs and not missing else ():
                view = self._jobs.get(known.id) if self._jobs else None  # a list has no actions
                if view and _names(view, name):
                    notes.append(note_of(view, name))
                if len(notes) >= _MOST_NOTES:
                    break
        except KeptJobsError as error:
            missing.append(f"jobs: {error}")
        return notes


def _names(view: JobView, name: str) -> bool:
    actions: Iterable[Mapping[str, Any]] = (*view.result.actions, *view.result.applied_actions)
    return any(concerns(action, name) for action in actions) or any(name in error for error in view.result.errors)
