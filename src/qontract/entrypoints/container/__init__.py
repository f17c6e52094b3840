"""The composition root: the one place that knows which adapter stands behind each port."""

from functools import cache

from dependency_injector import containers, providers

from qontract.application.control.jobs import JobControl
from qontract.application.event_manager import EventManager
from qontract.application.inspection.explanations import Explanations
from qontract.entrypoints.container import delivery, inspection, jobs_and_publishing
from qontract.entrypoints.integrations import load_integrations, make_integrations
from qontract.entrypoints.settings import load_settings
from qontract.entrypoints.settings_reload import revoked_ids


class Container(containers.DeclarativeContainer):
    """One of each thing that a process needs, made when it is first asked for."""

    settings = providers.Singleton(load_settings)
    tracer = providers.Factory(jobs_and_publishing.tracer)
    event_broker = providers.Singleton(jobs_and_publishing.event_broker, settings)
    failover_replay = providers.Singleton(jobs_and_publishing.failover_replay, settings, event_broker)
    event_manager = providers.Singleton(jobs_and_publishing.event_manager, settings, event_broker, failover_replay)
    installed_integrations = providers.Singleton(load_integrations)
    integrations = providers.Singleton(make_integrations, installed_integrations)
    guards = providers.Singleton(jobs_and_publishing.guards, settings)
    job_queue = providers.Singleton(jobs_and_publishing.job_queue, settings, providers.Object({}))
    runners = providers.Singleton(jobs_and_publishing.runners, integrations, event_manager, guards)
    job_admin = providers.Singleton(jobs_and_publishing.job_admin, job_queue)
    job_control = providers.Singleton(JobControl, job_admin)
    worker_job_queue = providers.Singleton(jobs_and_publishing.job_queue, settings, runners)
    recovery = providers.Singleton(jobs_and_publishing.recovery, integrations, event_manager, job_queue)
    faststream_broker = providers.Singleton(delivery.faststream_broker, settings)
    replica = providers.Singleton(delivery.replica)
    event_log_connection = providers.Factory(delivery.event_log_connection, settings, replica, faststream_broker)
    delivery_event_log_connection = providers.Factory(
        delivery.event_log_connection,
        settings,
        replica,
        providers.Factory(delivery.faststream_broker, settings),
        failover_replay,
    )
    measure = providers.Singleton(delivery.measure, settings)
    event_format = providers.Singleton(delivery.event_format, settings)
    dead_letters = providers.Singleton(inspection.dead_letters, settings)
    redrive_runs = providers.Singleton(inspection.redrive_runs, settings)
    asyncapi = providers.Singleton(delivery.asyncapi, settings)
    kept_events = providers.Singleton(inspection.kept_events, settings)
    server_check = providers.Factory(inspection.server_check, settings)
    acl = providers.Singleton(inspection.acl, settings)
    subscription_control = providers.Singleton(inspection.subscription_control, settings)
    revoked = providers.Singleton(revoked_ids, settings)
    token_keys = providers.Singleton(inspection.token_keys, settings)
    process_registry = providers.Singleton(inspection.process_registry, settings)
    status = providers.Singleton(inspection.status, settings, process_registry, job_admin.provider, event_manager)
    why = providers.Singleton(inspection.why, settings, event_format)
    explanations = providers.Singleton(Explanations, why)
    explanations_with_jobs = providers.Singleton(Explanations, why, job_admin)


@cache
def get_container() -> Container:
    """Return the container of this process."""
    return Container()


def get_event_manager() -> EventManager | None:
    """Return the event manager of this process; None if events are disabled."""
    manager: EventManager | None = get_container().event_manager()
    return manager
