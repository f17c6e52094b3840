"""A workspace that behaves as Slack's Web API says: the methods that are used, in Slack's shapes and error codes."""

import time
from collections.abc import Callable
from html import escape
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

_Arguments = dict[str, str]


class Refusal(Exception):  # noqa: N818 - Slack's `ok: false` is an answer, and no failure of the sandbox
    """Slack's `ok: false`; the message is Slack's error code."""


def _with(*names: str) -> AfterValidator:
    def check(item: dict[str, Any]) -> dict[str, Any]:
        if missing := [name for name in names if name not in item]:
            raise ValueError(f"{' and '.join(missing)} missing")
        return item

    return AfterValidator(check)


_Item = dict[str, Any]
_Named = Annotated[_Item, _with("id", "name")]
_Usergroup = Annotated[_Item, _with("id", "name", "handle", "description", "date_delete", "users", "prefs")]


class StartFile(BaseModel):
    """What a sandbox starts from, and what it shows of its state, in Slack's own JSON shapes."""

    model_config = ConfigDict(extra="allow")

    team: Annotated[_Item, _with("name")]
    users: list[_Named] = Field(default_factory=list)
    channels: list[_Named] = Field(default_factory=list)
    usergroups: list[_Usergroup] = Field(default_factory=list)


class SandboxWorkspace:
    """One workspace, in memory."""

    def __init__(self, start: StartFile) -> None:
        self.name = str(start.team["name"])
        self.token = f"xoxb-sandbox-{self.name}"
        self.state = start.model_copy(deep=True)
        self.messages: list[dict[str, Any]] = []
        self._methods: dict[str, Callable[[_Arguments], dict[str, Any]]] = {
            "auth.test": lambda _: {"team": self.name, "team_id": start.team.get("id", "T0"), "user_id": "U0SANDBOX"},
            "users.list": lambda a: _page("members", self.state.users, a),
            "conversations.list": self._conversations,
            "conversations.history": self._history,
            "chat.postMessage": self._post,
            "usergroups.list": self._usergroups,
            "usergroups.create": self._create,
            "usergroups.update": self._update,
            "usergroups.enable": self._enable,
            "usergroups.disable": self._disable,
            "usergroups.users.list": lambda a: {"users": self._group(a, enabled=False)["users"]},
            "usergroups.users.update": self._update_users,
        }

    def call(self, method: str, arguments: _Arguments) -> dict[str, Any]:
        """Carry out a method and return its answer. Raises Refusal."""
        if method not in self._methods:
            raise Refusal("unknown_method")
        try:
            return {"ok": True, **self._methods[method](arguments)}
        except KeyError:
            raise Refusal("invalid_arguments") from None

    def _conversations(self, arguments: _Arguments) -> dict[str, Any]:
        types = arguments.get("types", "public_channel").split(",")
        shown = [
            channel
            for channel in self.state.channels
            if not (_true(arguments, "exclude_archived") and channel.get("is_archived"))
            and ("private_channel" if channel.get("is_private") else "public_channel") in types
        ]
        return _page("channels", shown, arguments)

    def _post(self, arguments: _Arguments) -> dict[str, Any]:
        channel = self._channel(arguments)
        if channel.get("is_archived"):
            raise Refusal("is_archived")
        message = {"channel": channel["id"], "text": arguments["text"], "ts": f"{time.time():.6f}"}
        self.messages.append(message)
        return message

    def _history(self, arguments: _Arguments) -> dict[str, Any]:
        channel = self._channel(arguments)
        return {"messages": [m for m in reversed(self.messages) if m["channel"] == channel["id"]]}

    def _channel(self, arguments: _Arguments) -> dict[str, Any]:
        wanted = arguments["channel"].removeprefix("#")
        for channel in self.state.channels:
            if wanted in {channel["id"], channel["name"]}:
                return channel
        raise Refusal("channel_not_found")

    def _usergroups(self, arguments: _Arguments) -> dict[str, Any]:
        groups = [g for g in self.state.usergroups if _true(arguments, "include_disabled") or not g["date_delete"]]
        users = _true(arguments, "include_users")
        return {"usergroups": [_shown(group, users=users) for group in groups]}

    def _create(self, arguments: _Arguments) -> dict[str, Any]:
        name, handle = arguments["name"], arguments.get("handle", arguments["name"])
        for group in self.state.usergroups:
            if group["name"] == name:
                raise Refusal("name_already_exists")
            if group["handle"] == handle:
                raise Refusal("handle_already_exists")
        group = {
            "id": f"S9{len(self.state.usergroups):07}",
            "name": name,
            "handle": handle,
            "description": arguments.get("description", ""),
            "date_delete": 0,
            "users": [],
            "prefs": {"channels": [], "groups": []},  # as has been seen: creating ignores the channels
        }
        self.state.usergroups.append(group)
        return {"usergroup": _shown(group)}

    def _update(self, arguments: _Arguments) -> dict[str, Any]:
        group = self._group(arguments)
        if "channels" in arguments:
            group["prefs"] = self._prefs([channel for channel in arguments["channels"].split(",") if channel])
        group.update({key: arguments[key] for key in ("name", "handle", "description") if key in arguments})
        return {"usergroup": _shown(group)}

    def _prefs(self, channels: list[str]) -> dict[str, list[str]]:
        """Return the public channels, and the private ones. Raises Refusal."""
        private = {channel["id"]: bool(channel.get("is_private")) for channel in self.state.channels}
        if not private.keys() >= set(channels):
            raise Refusal("channel_not_found")
        return {
            "channels": [channel for channel in channels if not private[channel]],
            "groups": [channel for channel in channels if private[channel]],
        }

    def _update_users(self, arguments: _Arguments) -> dict[str, Any]:
        group = self._group(arguments)
        wanted = [user for user in arguments["users"].split(",") if user]
        users = [user for user in self.state.users if not user.get("deleted")]
        active = {user["id"] for user in users} | {u["enterprise_user"]["id"] for u in users if "enterprise_user" in u}
        if not active.issuperset(wanted):
            raise Refusal("invalid_users")
        group["users"] = wanted
        if not wanted:
            raise Refusal("invalid_users")  # as has been read: it refuses, and empties the group all the same
        return {"usergroup": _shown(group, users=True)}

    def _enable(self, arguments: _Arguments) -> dict[str, Any]:
        group = self._group(arguments, enabled=False)
        if not group["date_delete"]:
            raise Refusal("already_enabled")
        group["date_delete"] = 0
        return {"usergroup": _shown(group)}

    def _disable(self, arguments: _Arguments) -> dict[str, Any]:
        group = self._group(arguments, enabled=False)
        if group["date_delete"]:
            raise Refusal("already_disabled")
        group["date_delete"] = int(time.time())
        return {"usergroup": _shown(group)}

    def _group(self, arguments: _Arguments, *, enabled: bool = True) -> dict[str, Any]:
        for group in self.state.usergroups:
            if group["id"] == arguments["usergroup"] and not (enabled and group["date_delete"]):
                return group
        raise Refusal("no_such_subteam")


def _shown(group: dict[str, Any], *, users: bool = False) -> dict[str, Any]:
    """Return a usergroup as Slack shows it: text escaped, and the users only if asked for."""
    shown = group | {"description": escape(group["description"], quote=False), "user_count": len(group["users"])}
    return shown if users else {key: value for key, value in shown.items() if key != "users"}


def _true(arguments: _Arguments, name: str) -> bool:
    return arguments.get(name, "").lower() in {"1", "true"}


def _page(key: str, items: list[dict[str, Any]], arguments: _Arguments) -> dict[str, Any]:
    """Return a page of at most `limit` items; the cursor is where the next one starts."""
    cursor, limit = arguments.get("cursor") or "0", arguments.get("limit", "100")
    if not cursor.isdecimal() or int(cursor) > len(items):
        raise Refusal("invalid_cursor")
    if not limit.isdecimal() or not 0 < int(limit) <= 1000:  # noqa: PLR2004 - Slack's own bound
        raise Refusal("invalid_limit")
    end = int(cursor) + int(limit)
    following = str(end) if end < len(items) else ""
    return {key: items[int(cursor) : end], "response_metadata": {"next_cursor": following}}
