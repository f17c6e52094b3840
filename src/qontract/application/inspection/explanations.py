"""Use case of `qontract why`: explain an event, or all that concerns a job, a subject or a person."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from qontract.application.inspection.event_explanations import EventExplanations
from qontract.application.inspection.event_search import MAX_SCANNED, Search
from qontract.application.ports.job_admin import JobAdmin, JobAdminError
from qontract.application.ports.kept_events import Span
from qontract.domain.explanations import EventExplanation
from qontract.domain.job_views import JobView
from qontract.domain.kept_events import KeptEvent
from qontract.domain.name_history import JobExplanation, Mention, NameHistory, concerned, concerns, explain_job

_MAX_JOBS, _MAX_EXPLAINED_JOBS = 100, 5


class Explanations:
    """Explains whatever has a name. Without `jobs`, no job is looked at.

    A search looks at `most` events, and returns at most `limit` that concern the name. Raises KeptEventsError and
    SubscriptionsError: without these stores there is no explanation.
    """

    def __init__(
        self, events: EventExplanations, jobs: JobAdmin | None = None, *, most: int = MAX_SCANNED, limit: int = 10
    ) -> None:
        self._events = events
        self._jobs = jobs
        self._most = most
        self._limit = limit

    def about(self, name: str, source: str | None = None) -> EventExplanation | NameHistory | None:
        """Return the explanation of the event with this entry or id; or the history of a job, a subject or a person.

        None if nothing is known of the name. With a `source`, only an event can be meant.
        """
        self._events.kept.page(Span(newest_first=True), 1)  # if this store does not answer, the others do not either
        if source is not None:
            return self._with_job(self._events.event(name, source))
        if explanation := self._events.without_search(name):
            return self._with_job(explanation)
        missing: list[str] = []
        job = self._job(name, missing)
        search = self._search(name, job)
        found = list(search)
        event = next((event for event in found if event.id == name), None)
        if event and not job:
            return self._with_job(self._events.of(event))
        jobs = self._explain_jobs(name, job, missing)
        if not found and not jobs:
            return self._with_job(self._events.outside_log(name))
        mentions = tuple(self._mention(event, _request(name, job)) for event in found)
        return NameHistory(name, tuple(jobs), mentions, search.scanned, bool(search.next), tuple(missing))

    def _search(self, name: str, job: JobView | None) -> Search:
        """Return the search for the newest events that concern the name."""

        def is_about(event: KeptEvent) -> bool:
            return event.id == name or concerned(event, _request(name, job)) is not None

        return Search(self._events.kept, is_about, Span(newest_first=True), limit=self._limit, most=self._most)

    def _job(self, name: str, missing: list[str]) -> JobView | None:
        try:
            return self._jobs.get(name) if self._jobs else None
        except JobAdminError as error:
            missing.append(f"jobs: {error}")
            return None

    def _mention(self, event: KeptEvent, name: str) -> Mention:
        return Mention(self._events.of(event), concerned(event, name) or ())

    def _with_job(self, explanation: EventExplanation | None) -> EventExplanation | None:
        """Add the id of the job of the same request, if it is among the newest jobs."""
        request = explanation.event.text("correlationid") if explanation and explanation.event else None
        if explanation is None or self._jobs is None or request is None:
            return explanation
        try:
            views = self._jobs.list(limit=_MAX_JOBS)
            job = next((view.id for view in views if view.correlation_id == request), "")
        except JobAdminError as error:
            return replace(explanation, missing=(*explanation.missing, f"jobs: {error}"))
        return replace(explanation, job=job)

    def _explain_jobs(self, name: str, job: JobView | None, missing: list[str]) -> list[JobExplanation]:
        """Explain the job, if the name is a job's; else the newest jobs that planned something for the name."""
        if job:
            return [explain_job(job)]
        found: list[JobExplanation] = []
        try:
            for known in self._jobs.list(limit=_MAX_JOBS) if self._jobs and not missing else ():
                view = self._jobs.get(known.id) if self._jobs else None  # a list has no actions
                if view and _names(view, name):
                    found.append(explain_job(view, name))
                if len(found) >= _MAX_EXPLAINED_JOBS:
                    break
        except JobAdminError as error:
            missing.append(f"jobs: {error}")
        return found


def _request(name: str, job: JobView | None) -> str:
    """Return the name that the events have: that of the job's request, if the name is a job's."""
    return job.correlation_id or name if job else name


def _names(view: JobView, name: str) -> bool:
    actions: Iterable[Mapping[str, Any]] = (*view.result.actions, *view.result.applied_actions)
    return any(concerns(action, name) for action in actions) or any(name in error for error in view.result.errors)
