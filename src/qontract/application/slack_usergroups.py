"""Use case: bring Slack usergroups to their desired state."""

import logging
from collections.abc import Collection

from qontract.application.event_manager import EventManager
from qontract.application.ports.slack_workspaces import SlackWorkspaces, SlackWorkspacesError
from qontract.domain.events import DomainEvent
from qontract.domain.jobs import Job, JobResult, JobStatus
from qontract.domain.slack_usergroups import Action, DesiredState, DesiredWorkspace, Failure, applied, failed, plan

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
    """Plan each workspace by itself and, unless it is a dry run, apply the plan; then tell of all that was done.

    Left out are the workspaces whose exclusive name is `lost` to a later job.
    """
    desired = DesiredState.model_validate(job.payload)
    run = _Run(workspaces, job.correlation_id)
    try:
        for workspace in desired.workspaces:
            if _exclusive_name(workspace) not in lost:
                run.workspace(workspace, dry_run=desired.dry_run)
    except Exception as error:  # what was done by then stays done, and is told
        log.exception("cut short")
        run.errors.append(f"cut short: {type(error).__name__}: {error}")
    finally:
        if events and run.events and not desired.dry_run:
            events.publish_events(run.events)
    return JobResult(
        status=JobStatus.FAILED if run.errors else JobStatus.SUCCESS,
        actions=tuple(action.model_dump(mode="json") for action in run.planned),
        applied_actions=tuple(action.model_dump(mode="json") for action in run.applied),
        errors=tuple(run.errors),
    )


class _Run:
    """What one run has planned, done and met so far; it stays true if the run is cut short."""

    def __init__(self, workspaces: SlackWorkspaces, correlation_id: str | None) -> None:
        self._workspaces = workspaces
        self._correlation_id = correlation_id
        self.planned: list[Action] = []
        self.applied: list[Action] = []
        self.errors: list[str] = []
        self.events: list[DomainEvent] = []

    def workspace(self, desired: DesiredWorkspace, *, dry_run: bool) -> None:
        try:
            planned = plan(desired, self._workspaces.read(desired.name))
        except SlackWorkspacesError as error:
            self._fail(Failure(workspace=desired.name, error=str(error)))
            return
        self.planned += planned.actions
        self.errors += planned.errors
        if not dry_run:
            for action in planned.actions:
                self._apply(action)

    def _apply(self, action: Action) -> None:
        try:
            self._workspaces.apply(action)
        except SlackWorkspacesError as error:
            self._fail(
                Failure(
                    workspace=action.workspace,
                    usergroup=action.usergroup,
                    action_type=action.action_type,
                    error=str(error),
                )
            )
            return
        self.applied.append(action)
        self.events.append(applied(action, self._correlation_id))
        log.info("applied", extra=action.model_dump(include={"action_type", "workspace", "usergroup"}))

    def _fail(self, failure: Failure) -> None:
        event = failed(failure, self._correlation_id)
        self.errors.append(f"{event.subject}: {failure.error}")
        self.events.append(event)
        log.error("failed", extra=failure.model_dump(exclude_none=True))
