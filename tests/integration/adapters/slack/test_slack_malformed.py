"""Answers of Slack that have not their shape, and whom they touch."""

from typing import Any

import pytest

from qontract.application.ports.integration import IntegrationError
from qontract.testing.reconciling import reconcile
from tests.contracts.slack_usergroups import create
from tests.support.hostile_http import Answer, Request, answer, hostile_server
from tests.support.hostile_slack import MAX_ERROR_LENGTH, TOKEN, refusal, slack_at


def _with(method: str, body: bytes | object) -> Answer:
    """Answer coreos with this body where it calls the method, and everybody else as a small, sound workspace."""
    sound: dict[str, dict[str, Any]] = {
        "users.list": {"members": [{"id": "U1", "name": "alice"}, {"id": "U2", "name": "bob"}]},
        "conversations.list": {"channels": []},
        "usergroups.list": {"usergroups": [{"id": "S1", "handle": "team-a", "users": ["U1"]}]},
        "usergroups.create": {"usergroup": {"id": "S2"}},
    }

    def answering(request: Request) -> list[bytes]:
        called = request.path.rpartition("/")[2]
        if called == method and request.token == TOKEN:
            return [answer(body)]
        return [answer({"ok": True, **sound.get(called, {})})]

    return answering


DEEP = b'{"ok": true, "members": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
LONG = "x" * 100_000
MEMBERS: list[Any] = [None, 1, "x", {}, {"id": "U1"}, [1], [[]]]
USERS: list[dict[str, Any]] = [
    *({"id": 1}, {"name": None}, {"name": ["x"]}, {"name": "x" * 100_000}, {"deleted": "perhaps"}),
    *({"profile": "x"}, {"profile": [1]}, {"profile": {"email": 1}}),
    *({"enterprise_user": "x"}, {"enterprise_user": {"id": []}}),
]
GROUPS: list[dict[str, Any]] = [
    *({"handle": 1}, {"description": {"a": 1}}, {"users": "U1"}, {"users": [1]}, {"users": {"U1": 1}}),
    *({"prefs": "x"}, {"prefs": {"channels": "C1"}}, {"prefs": {"groups": [None]}}),
    *({"date_delete": "never"}, {"date_delete": [1]}),
]
CREATED: list[Any] = [None, "x", [], {"id": 1}, {"id": {"a": 1}}]
NO_OBJECTS: list[bytes | object] = [b"", b"<html>", b"null", [1], "text", 7, True]
MALFORMED: list[tuple[str, bytes | object]] = [
    ("users.list", DEEP),
    ("users.list", b"[" * 100_000),
    ("users.list", b'{"ok": true, "members": [' + b"9" * 10_000 + b"]}"),
    ("users.list", b'{"ok": true, "members": \xff\xfe}'),
    ("users.list", {"ok": True, "members": [], "response_metadata": "x"}),
    ("users.list", {"ok": True, "members": [], "response_metadata": [1]}),
    *(("users.list", body) for body in NO_OBJECTS),
    *(("users.list", {"ok": True, "members": members}) for members in MEMBERS),
    *(("users.list", {"ok": True, "members": [{"id": "U1", "name": "alice"} | more]}) for more in USERS),
    *(("conversations.list", {"ok": True, "channels": channels}) for channels in MEMBERS),
    *(("conversations.list", {"ok": True, "channels": [{"id": "C1", "name": name}]}) for name in ("\ud800", LONG)),
    *(("usergroups.list", {"ok": True, "usergroups": groups}) for groups in MEMBERS),
    *(("usergroups.list", {"ok": True, "usergroups": [{"id": "S1", "handle": "a"} | more]}) for more in GROUPS),
    *(("usergroups.create", {"ok": True, "usergroup": made}) for made in CREATED),
    ("usergroups.create", {"ok": False, "error": {"a": ["b"]}}),
    ("usergroups.create", {"ok": "", "error": 7}),
]


@pytest.mark.parametrize(("method", "body"), MALFORMED)
def test_every_malformed_answer_is_an_integration_error_of_one_line(method: str, body: bytes | object) -> None:
    with hostile_server(_with(method, body)) as server:
        slack = slack_at(server.url)
        if method == "usergroups.create":
            with pytest.raises(IntegrationError) as caught:
                slack.apply(create())
            assert str(caught.value).isprintable()
        else:
            assert method in refusal(slack)


@pytest.mark.parametrize(("method", "body"), MALFORMED)
def test_the_bad_answer_of_one_workspace_never_touches_the_run_of_another(method: str, body: bytes | object) -> None:
    groups = [{"handle": "team-a", "users": ["bob"]}, {"handle": "team-b", "users": ["alice"]}]
    desired = {"workspaces": [{"name": name, "usergroups": groups} for name in ("coreos", "osbs")]}
    with hostile_server(_with(method, body)) as server:
        result = reconcile(slack_at(server.url), desired)
    applied = [str(action["subject"]) for action in result.applied_actions]
    assert [subject for subject in applied if subject.startswith("osbs/")] == ["osbs/team-a", "osbs/team-b"]
    assert len(result.errors) == 1
    assert result.errors[0].startswith("coreos")
    assert len(result.errors[0]) < MAX_ERROR_LENGTH
