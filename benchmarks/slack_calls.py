"""Calls to Slack for one reconcile, beside the least that its API allows."""

import json
from math import ceil
from typing import Any

from benchmarks.measuring import AtMost, Result
from benchmarks.wiring import container
from qontract.testing.reconciling import reconcile
from tests.support.slack_sandbox import channel, running_sandbox, user, usergroup

PAGE = 999
"""The most that Slack gives at once: `limit` is to be "under 1000" (conversations.list and users.list, Pagination)."""


def slack_calls(_: str, __: int, *, users: int = 5000, usergroups: int = 1000, differences: int = 10) -> list[Result]:
    """Reconcile usergroups of which some differ, half of them in their members, half in their description."""
    channels = usergroups
    start = {
        "team": {"id": "T1", "name": "bench"},
        "users": [user(f"U{number}", f"user-{number}") for number in range(users)],
        "channels": [channel(f"C{number}", f"channel-{number}") for number in range(channels)],
        "usergroups": [usergroup(f"S{number}", f"group-{number}", users=["U0"]) for number in range(usergroups)],
    }
    with running_sandbox() as sandbox:
        sandbox.start(start)
        wired = container(
            QAPI_SLACK__API_URL=sandbox.url, QAPI_SLACK__TOKENS=json.dumps({"bench": "xoxb-sandbox-bench"})
        )
        integration = wired.integrations().integrations["slack-usergroups"]
        desired = {"workspaces": [_desired(usergroups, differences)]}
        result = reconcile(integration, desired, events=wired.event_manager())
        calls = len(sandbox.calls())
    if result.errors or len(result.applied_actions) != differences:
        raise RuntimeError(f"not reconciled: {len(result.applied_actions)} applied, {result.errors}")
    # The pages of both lists, all usergroups with their members in one call, and one call for each difference.
    least = ceil(users / PAGE) + ceil(channels / PAGE) + 1 + differences
    work = f"reconcile {usergroups:,} usergroups, {differences} differ"
    return [Result(work, "calls", (calls,), "least of Slack's API", (least,), bar=AtMost(1))]


def _desired(usergroups: int, differences: int) -> dict[str, Any]:
    groups: list[dict[str, Any]] = [{"handle": f"group-{number}", "users": ["user-0"]} for number in range(usergroups)]
    for number in range(differences):
        groups[number] |= {"users": ["user-0", "user-1"]} if number % 2 else {"description": "new"}
    return {"name": "bench", "usergroups": groups}
