"""The commands for jobs, as processes, on a real Valkey; and a real worker whose job is cancelled in the middle."""

import json
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import redis

from qontract.application.reconcile import job
from qontract.application.slack_usergroups import SlackUsergroups
from qontract.domain.jobs import Job
from qontract.domain.slack_desired_state import DesiredUsergroups
from tests.contracts.job_queue_runner import result_of
from tests.support.commands import run
from tests.support.jobs import final
from tests.support.processes import free_port
from tests.support.slack_sandbox import running_sandbox, user, usergroup
from tests.support.waiting import until
from tests.support.worker_process import SECRET, Worker, queue_at

MANY = 40
PREFIX = "qontract:{main}:"


def jobs(url: str, *arguments: str, **settings: str) -> CompletedProcess[str]:
    return run("jobs", *arguments, **{"QAPI_CACHE_BROKER_URL": url, "QAPI_AUTH__SECRET": SECRET, **settings})


def many_changes() -> Job:
    groups = [{"handle": f"team-{number}", "users": ["alice", "bob"]} for number in range(MANY)]
    desired = {"workspaces": [{"name": "acme", "usergroups": groups}], "dry_run": False, "reason": "she left"}
    state, who = DesiredUsergroups.model_validate(desired), "alice@sre"
    return job(SlackUsergroups, state, correlation_id="c-1", requested_by=who)  # type: ignore[type-abstract] # its name


def start() -> dict[str, Any]:
    users = [user("U1", "alice"), user("U2", "bob")]
    groups = [usergroup(f"S{number}", f"team-{number}", users=["U1"]) for number in range(MANY)]
    return {"team": {"id": "T1", "name": "acme"}, "users": users, "channels": [], "usergroups": groups}


def submitted(url: str) -> Job:
    made = many_changes()
    queue_at(url).submit(made)
    return made


def test_a_job_is_cancelled_in_the_middle_and_nothing_is_applied_after_it_and_what_was_is_told(
    valkey_url: str, tmp_path: Path
) -> None:
    with running_sandbox() as sandbox:
        sandbox.start(start())
        sandbox.fault("usergroups.users.update", delay=0.5, times=MANY)
        settings = {"QAPI_SLACK__API_URL": sandbox.url, "QAPI_SLACK__TOKENS": '{"acme": "xoxb-sandbox-acme"}'}
        made, queue = submitted(valkey_url), queue_at(valkey_url)
        with Worker(valkey_url, tmp_path, **settings).running(log=tmp_path / "log"):
            until(lambda: sum(call == "usergroups.users.update" for call in sandbox.calls()) > 0)
            done = jobs(valkey_url, "cancel", made.id, "--yes")
            assert (done.returncode, done.stdout.splitlines()[-1].partition(";")[0]) == (
                0,
                "it stops before its next action",
            )
            logged = json.loads(done.stderr)
            assert (logged["event"], logged["outcome"]) == ("job cancelled", "stopping")
            result = final(queue, made)
            sandbox.no_faults()
            assert (result.status, result.cancelled_by) == ("failed", logged["by"])
            assert 0 < result.done < result.of == MANY
            assert result.errors == (f"cancelled by {logged['by']}",)
            changed = [group["handle"] for group in sandbox.state("acme")["usergroups"] if "U2" in group["users"]]
            assert len(changed) == result.done
            assert [action["subject"] for action in result.applied_actions] == [f"acme/{name}" for name in changed]
            assert _told(valkey_url) == [f"acme/{name}" for name in changed]
            next_job = submitted(valkey_url)  # the worker is well, and does the rest
            assert (final(queue, next_job).status, result_of(queue, next_job).done) == ("success", MANY - len(changed))
    shown = jobs(valkey_url, "show", made.id).stdout
    assert f"  applied   {len(changed)} of {MANY} actions" in shown
    assert f"  cancelled by {logged['by']}" in shown
    assert "  asked by  alice@sre" in shown
    assert "  reason    she left" in shown


def _told(url: str) -> list[str]:
    with redis.Redis.from_url(url) as client:
        entries: Any = client.xrange(f"{PREFIX}events")
    return [json.loads(fields[b"__data__"])["subject"] for _, fields in entries]


def test_a_list_has_a_line_for_each_with_its_whole_id_and_takes_conditions(valkey_url: str) -> None:
    first, second = submitted(valkey_url), submitted(valkey_url)
    said = [f"job {first.id}: pending; it never begins", "cancelled: nothing more of it is done"]
    assert jobs(valkey_url, "cancel", first.id, "--yes").stdout.splitlines() == said
    heading, *lines = jobs(valkey_url, "list").stdout.splitlines()
    assert heading.split() == ["JOB", "SUBMITTED", "STATUS", "SCOPES", "BY"]
    assert [(line.split()[0], line.split()[3]) for line in lines] == [(second.id, "pending"), (first.id, "skipped")]
    assert all(line.endswith("slack-usergroups: acme  alice@sre") for line in lines)
    found = jobs(valkey_url, "list", "--json", "--status", "pending", "--scope", "acme", "--since", "1h").stdout
    assert [json.loads(line)["id"] for line in found.splitlines()] == [second.id]
    assert jobs(valkey_url, "list", "--status", "odd").returncode == 2
    unknown = jobs(valkey_url, "list", "--integration", "none", "--json")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "none: no such integration is installed here; there are github-teams, slack-usergroups" in unknown.stderr


def test_what_cannot_be_cancelled_is_refused_in_one_line(valkey_url: str) -> None:
    made = submitted(valkey_url)
    assert jobs(valkey_url, "cancel", made.id).returncode == 2  # nobody is there to ask
    queue = queue_at(valkey_url)
    queue.run(made.id)  # it has no runner, and has failed
    done = jobs(valkey_url, "cancel", made.id, "--yes")
    assert (done.returncode, done.stderr) == (1, "qontract: not cancelled: it has ended: failed\n")
    unknown = jobs(valkey_url, "show", "8c6f")
    assert unknown.returncode == 1
    assert "8c6f: no such job was submitted" in unknown.stderr


def test_without_token_or_secret_it_says_what_it_needs_and_without_redis_so(valkey_url: str) -> None:
    lacking = run("jobs", "list")
    assert (lacking.returncode, lacking.stderr.count("\n")) == (1, 1)
    assert "give QAPI_TOKEN" in lacking.stderr
    gone = jobs(f"redis://:s3cret@127.0.0.1:{free_port()}/0", "list")
    assert gone.returncode == 5
    assert gone.stderr.startswith("qontract: QAPI_CACHE_BROKER_URL: jobs cannot be looked up: ConnectionError")
    assert "s3cret" not in gone.stderr


def test_what_somebody_wrote_into_redis_is_unreadable_and_does_nothing_to_a_terminal(valkey_url: str) -> None:
    made = submitted(valkey_url)
    with redis.Redis.from_url(valkey_url) as client:
        client.hset(f"{PREFIX}job:{made.id}", "about", "\x1b[2Jhostile")
        client.hset(f"{PREFIX}job:{made.id}", "due", "\x1b[2J")
        client.zadd(f"{PREFIX}jobs", {b"\x1b[2J\xff": 99, "gone": 98})
        client.set(f"{PREFIX}job:gone", "of another type")
    for arguments in (["list"], ["list", "--json"], ["show", made.id], ["show", made.id, "--json"], ["show", "gone"]):
        done = jobs(valkey_url, *arguments)
        assert done.returncode == 0, done.stderr
        assert "unreadable" in done.stdout
        assert all(line.isprintable() for line in done.stdout.split("\n"))
