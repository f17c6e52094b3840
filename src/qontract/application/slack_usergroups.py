"""Use case: bring Slack usergroups to their desired state."""

import logging
from collections.abc import Collection, Mapping, Sequence

from qontract.application.event_manager import EventManager
from qontract.application.ports.intents import IntentsError
from qontract.application.ports.slack_workspaces import SlackWorkspaces, SlackWorkspacesError
from qontract.domain.events import DomainEvent
from qontract.domain.jobs import Job, JobResult, JobStatus
from qontract.domain.slack_recovery import seen
from qontract.domain.slack_usergroups import Action, DesiredState, DesiredWorkspace, Failure, applied, failed, plan
from qontract.domain.slack_workspace import SlackWorkspace

log = logging.getLogger(__name__)

INTEGRATION = "slack-usergroups"


def job(desired: DesiredState, correlation_id: str | None = None) -> Job:
    """Return the job that reconciles the desired state. A dry run excludes nothing: it only reads."""
    return Job(
        integration=INTEGRATION,
        payload=desired.model_dump(mode="json"),
        exclusive=() if desired.dry_run else tuple(_exclusive_name(workspace) for workspace in desired.workspaces),
        correlation_id=correlation_id,
    )


def _exclusive_name(workspace: DesiredWorkspace) -> str:
    return f"{INTEGRATION}/{workspace.name}"


def reconcile(
    job: Job, lost: Collection[str] = (), *, workspaces: SlackWorkspaces, events: EventManager | None = None
) -> JobResult:
    """Plan each workspace by itself and, unless it is a dry run, apply the plan and tell of each action.

    Left out are the workspaces whose exclusive name is `lost` to a later job.
    """
    desired = DesiredState.model_validate(job.payload)
    run = _Run(workspaces, None if desired.dry_run else events, job.correlation_id)
    try:
        run.look_back()
        for workspace in desired.workspaces:
            if _exclusive_name(workspace) not in lost:
                run.workspace(workspace, dry_run=desired.dry_run)
    except IntentsError as error:
        run.errors.append(f"not begun, for what earlier runs left in doubt cannot be read: {error}")
    except Exception as error:  # what was done by then stays done
        log.exception("cut short")
        run.errors.append(f"cut short: {type(error).__name__}: {error}")
    return JobResult(
        status=JobStatus.FAILED if run.errors else JobStatus.SUCCESS,
        actions=tuple(action.model_dump(mode="json") for action in run.planned),
        applied_actions=tuple(action.model_dump(mode="json") for action in run.applied),
        errors=tuple(run.errors),
    )


def recover(scope: str, *, workspaces: SlackWorkspaces, events: EventManager) -> None:
    """Tell what runs that have ended had applied in the workspace of this exclusive name, and not told.

    Nothing else may be at work there meanwhile. Raises SlackWorkspacesError or IntentsError.
    """
    workspace = workspaces.read(scope.removeprefix(f"{INTEGRATION}/"))
    _settle(events.in_doubt().get(scope, ()), workspace, events)


def _settle(in_doubt: Sequence[DomainEvent], workspace: SlackWorkspace, events: EventManager) -> None:
    """Publish each event in doubt as far as its action shows in the workspace, and drop the others."""
    told: list[DomainEvent] = []
    dropped: list[DomainEvent] = []
    for event in in_doubt:
        if not isinstance(event.data, Action):
            log.error("of a version with other actions: it stays in doubt", extra={"event_id": event.id})
            continue
        action = seen(event.data, workspace)
        (told if action else dropped).append(event.model_copy(update={"data": action or event.data}))
        log.warning("found applied" if action else "found not applied", extra={"event_id": event.id})
    events.settle(told, dropped)


class _Run:
    """What one run has planned, done and met so far; it stays true if the run is cut short."""

    def __init__(self, workspaces: SlackWorkspaces, events: EventManager | None, correlation_id: str | None) -> None:
        self._workspaces = workspaces
        self._events = events
        self._correlation_id = correlation_id
        self._in_doubt: Mapping[str, Sequence[DomainEvent]] = {}
        self.planned: list[Action] = []
        self.applied: list[Action] = []
        self.errors: list[str] = []

    def look_back(self) -> None:
        """Find out what earlier runs have left in doubt. Raises IntentsError: then nothing may be changed yet."""
        if self._events:
            self._in_doubt = self._events.in_doubt()

    def workspace(self, desired: DesiredWorkspace, *, dry_run: bool) -> None:
        try:
            current = self._workspaces.read(desired.name)
            if self._events:
                _settle(self._in_doubt.get(_exclusive_name(desired), ()), current, self._events)
            planned = plan(desired, current)
        except (SlackWorkspacesError, IntentsError) as error:
            self._fail(Failure(workspace=desired.name, error=str(error)))
            return
        self.planned += planned.actions
        self.errors += planned.errors
        if not dry_run:
            for action in planned.actions:
                self._apply(action, _exclusive_name(desired))

    def _apply(self, action: Action, scope: str) -> None:
        """Apply it and tell; or leave it, if it is not certain that it will be told."""
        event = applied(action, self._correlation_id)
        if self._events and not self._events.intend(scope, event):
            self._fail(_failure(action, "not begun, for its event could be kept nowhere: neither in Redis nor here"))
            return
        try:
            self._workspaces.apply(action)
        except SlackWorkspacesError as error:
            self._fail(_failure(action, str(error)))
            return
        if self._events:
            self._events.publish_event(event)
        self.applied.append(action)
        log.info("applied", extra=action.model_dump(include={"action_type", "workspace", "usergroup"}))

    def _fail(self, failure: Failure) -> None:
        event = failed(failure, self._correlation_id)
        if self._events:
            self._events.publish_event(event)
        self.errors.append(f"{event.subject}: {failure.error}")
        log.error("failed", extra=failure.model_dump(exclude_none=True))


def _failure(action: Action, error: str) -> Failure:
    return Failure(workspace=action.workspace, usergroup=action.usergroup, action_type=action.action_type, error=error)
