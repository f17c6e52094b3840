"""Desired states for the Slack workspaces that tests have, in memory and in the sandbox."""

from typing import Any

_NEW = {"handle": "new", "description": "New", "users": ["alice", "carol"], "channels": ["general"]}
_TEAM_A = {"handle": "team-a", "users": ["bob"], "description": "Team A"}

DESIRED: dict[str, Any] = {
    "workspaces": [{"name": "coreos", "usergroups": [_NEW, _TEAM_A], "managed_usergroups": ["sleepers"]}]
}
ELSEWHERE: dict[str, Any] = {
    "workspaces": [
        {
            "name": "osbs",
            "usergroups": [{"handle": "new", "users": ["alice"]}, {"handle": "team-a", "users": ["bob"]}],
        }
    ]
}
