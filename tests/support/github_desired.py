"""Requests for the organisations of tests/contracts/github_teams.py."""

from collections.abc import Mapping
from typing import Any

DESIRED: Mapping[str, Any] = {
    "organisations": [
        {
            "name": "acme",
            "teams": [
                {"name": "Inner", "members": ["dave"], "parent": "Outer"},
                {"name": "Outer", "description": "Around", "members": ["alice"], "maintainers": ["carol"]},
                {"name": "team A", "description": "A", "members": ["bob", "OLIVIA"], "maintainers": ["Dave"]},
                {"name": "k8s.io-admins", "members": ["carol"], "parent": "Outer"},
            ],
            "managed_teams": ["hidden", "gone for long"],
            "delete_teams": ["hidden"],
        }
    ]
}
"""It takes all kinds of actions."""

ELSEWHERE: Mapping[str, Any] = {
    "organisations": [{"name": "other", "teams": [{"name": "Team A", "members": ["bob"], "description": "Theirs"}]}]
}
