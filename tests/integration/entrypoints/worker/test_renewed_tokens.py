"""A token in a file is replaced, and processes that run use the new one."""

from pathlib import Path

import pytest

from qontract.domain.jobs import Job, JobResult, JobStatus
from tests.integration.entrypoints.subscriber.test_subscriber import EVENT
from tests.support.jobs import final
from tests.support.redis_delivery import publish
from tests.support.slack_sandbox import Sandbox
from tests.support.subscriber_process import Site
from tests.support.waiting import until
from tests.support.worker_process import Worker, queue_at

TOKEN = "xoxb-sandbox-coreos"


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """A secrets directory."""
    (tmp_path / "secrets").mkdir()
    return tmp_path / "secrets"


def replace(file: Path, text: str) -> None:
    """Replace a file as a whole."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(".beside")
    beside.write_text(text)
    beside.replace(file)


def planned(redis_url: str) -> JobResult:
    """Plan for the workspace coreos, on whichever process of the worker."""
    payload = {"workspaces": [{"name": "coreos", "usergroups": []}]}
    queue, job = queue_at(redis_url), Job(integration="slack-usergroups", payload=payload)
    queue.submit(job)
    return final(queue, job)


def test_the_next_jobs_of_every_process_of_a_worker_use_the_new_token_and_a_broken_file_changes_nothing(
    valkey_url: str, slack_sandbox: Sandbox, secrets: Path, tmp_path: Path
) -> None:
    replace(secrets / "slack" / "tokens" / "coreos", "xoxb-withdrawn")
    settings = {"QAPI_SECRETS_DIR": str(secrets), "QAPI_SLACK__API_URL": slack_sandbox.url}
    worker = Worker(valkey_url, tmp_path, **settings)
    with worker.running(log=tmp_path / "log"):
        assert "invalid_auth" in planned(valkey_url).errors[0]
        replace(secrets / "slack" / "tokens" / "coreos", TOKEN)
        until(lambda: planned(valkey_url).status is JobStatus.SUCCESS)
        until(lambda: 'qontract_settings_renewed_total{name="slack-usergroups"} ' in worker.get("/metrics").text)
        assert "stale" not in worker.get("/health/ready").json()
        replace(secrets / "slack" / "timeout", "never")
        until(lambda: worker.get("/health/ready").json().get("stale") == ["slack-usergroups"])
        until(lambda: "settings refused" in (tmp_path / "log").read_text())  # recovery looks at it too
        assert planned(valkey_url).status is JobStatus.SUCCESS
        assert worker.get("/health/ready").status_code == 200
    assert TOKEN not in (tmp_path / "log").read_text()


def test_a_handler_of_the_subscriber_uses_the_new_token(
    valkey_url: str, slack_sandbox: Sandbox, secrets: Path, tmp_path: Path
) -> None:
    replace(secrets / "slack_notifier" / "token", "xoxb-withdrawn")
    site = Site(tmp_path, {"QAPI_CACHE_BROKER_URL": valkey_url, "QAPI_SECRETS_DIR": str(secrets)})
    about = {"QAPI_SLACK_NOTIFIER__CHANNEL": "general", "QAPI_SLACK_NOTIFIER__API_URL": slack_sandbox.url}
    with site.subscriber(wait=True, **about) as one:
        publish(valkey_url, EVENT)
        until(lambda: any("invalid_auth" in str(line) for line in one.lines("attempt failed")))
        replace(secrets / "slack_notifier" / "token", TOKEN)
        until(lambda: len(slack_sandbox.messages()) == 1, 40)
        replace(secrets / "slack_notifier" / "types", '["a.*"]')
        until(lambda: one.ready()[1].get("stale") == ["slack-notifier"])
        (secrets / "slack_notifier" / "types").unlink()
        until(lambda: one.ready()[1].get("stale") == [])
        assert one.ready()[0] == 200
