"""A Slack workspace as it is, and its names by id."""

from collections.abc import Iterable, Mapping

from pydantic import BaseModel, ConfigDict


class SlackUser(BaseModel):
    """A user. On Enterprise Grid a user has several ids, and a usergroup may have any of them."""

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    email: str | None = None
    other_ids: tuple[str, ...] = ()
    active: bool = True


class SlackChannel(BaseModel):
    """A channel that can be a default channel of a usergroup."""

    model_config = ConfigDict(frozen=True)

    id: str
    name: str


class SlackUsergroup(BaseModel):
    """A usergroup as it is. A disabled group has members, but Slack notifies nobody: it counts as empty."""

    model_config = ConfigDict(frozen=True)

    id: str
    handle: str
    description: str = ""
    user_ids: tuple[str, ...] = ()
    channel_ids: tuple[str, ...] = ()
    enabled: bool = True


class SlackWorkspace(BaseModel):
    """One workspace as it is."""

    model_config = ConfigDict(frozen=True)

    name: str
    users: tuple[SlackUser, ...] = ()
    channels: tuple[SlackChannel, ...] = ()
    usergroups: tuple[SlackUsergroup, ...] = ()

    def user_directory(self) -> "NameDirectory":
        """Return the users. Active ones are found by name or e-mail address; all have a name for each of their ids."""
        directory = NameDirectory("user")
        for user in self.users:
            findable_as = [name for name in (user.name, user.email) if name and user.active]
            directory.add((user.id, *user.other_ids), user.name, findable_as)
        return directory

    def channel_directory(self) -> "NameDirectory":
        """Return the channels, by name and id."""
        directory = NameDirectory("channel")
        for channel in self.channels:
            directory.add((channel.id,), channel.name, (channel.name,))
        return directory


class NameDirectory:
    """Users or channels: it finds their ids by name, and their names by id."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._by_name: dict[str, dict[str, str]] = {}
        self._by_id: dict[str, tuple[str, str]] = {}

    def add(self, ids: tuple[str, ...], name: str, findable_as: Iterable[str]) -> None:
        """Add a user or a channel. The first of the ids is the one that is written to Slack."""
        self._by_id.update(dict.fromkeys(ids, (ids[0], name)))
        for key in findable_as:
            self._by_name.setdefault(key.strip().casefold(), {})[ids[0]] = name

    def find(self, names: Iterable[str], where: str) -> tuple[dict[str, str], list[str]]:
        """Return the names by id, sorted by name, and an error for each name that is not known or ambiguous."""
        found: dict[str, str] = {}
        errors = []
        for name in names:
            matches = self._by_name.get(name.casefold(), {})
            if len(matches) == 1:
                found |= matches
            elif matches:
                errors.append(f"{where}: {self._kind} {name!r} could be any of {', '.join(matches)}")
            else:
                errors.append(f"{where}: Slack has no active {self._kind} {name!r}")
        return _in_order(found), errors

    def named(self, ids: Iterable[str]) -> dict[str, str]:
        """Return the names by id, sorted by name. An unknown id is its own name."""
        return _in_order(dict(self._by_id.get(id_, (id_, id_)) for id_ in ids))


def _in_order(names: Mapping[str, str]) -> dict[str, str]:
    return dict(sorted(names.items(), key=lambda item: item[1]))
