"""What Slack answers, as far as it is needed: read strictly, for nothing that it sends is certain."""

from collections.abc import Iterable, Iterator, Mapping
from html import unescape
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, StringConstraints, ValidationError

from qontract.adapters.one_line_text import one_line
from qontract.application.ports.integration import IntegrationError
from qontract.domain.slack_workspace import SlackChannel, SlackUser, SlackUsergroup

Text = Annotated[str, StringConstraints(max_length=10_000)]
"""Slack's own limits are far below; it comes into events and results."""


class _Profile(BaseModel):
    email: Text | None = None


class _EnterpriseUser(BaseModel):
    id: Text | None = None


class _User(BaseModel):
    id: Text
    name: Text
    profile: _Profile | None = None
    enterprise_user: _EnterpriseUser | None = None
    deleted: bool | None = None


class _Prefs(BaseModel):
    channels: list[Text] | None = None
    groups: list[Text] | None = None


class _Usergroup(BaseModel):
    id: Text
    handle: Text
    description: Text | None = None
    users: list[Text] | None = None
    prefs: _Prefs | None = None
    date_delete: int | None = None


class _Users(BaseModel):
    members: list[_User]


class _Channel(BaseModel):
    id: Text
    name: Text


class _Channels(BaseModel):
    channels: list[_Channel]


class _Usergroups(BaseModel):
    usergroups: list[_Usergroup]


class _CreatedUsergroup(BaseModel):
    id: Text


class _Created(BaseModel):
    usergroup: _CreatedUsergroup


def users(pages: Iterable[Mapping[str, Any]]) -> Iterator[SlackUser]:
    """Give the users of the pages of users.list. Raises IntegrationError, as all of these do."""
    for page in pages:
        for user in _read(_Users, "users.list", page).members:
            grid_id = user.enterprise_user and user.enterprise_user.id
            yield SlackUser(
                id=user.id,
                name=user.name,
                email=user.profile and user.profile.email,
                other_ids=(grid_id,) if grid_id and grid_id != user.id else (),
                active=not user.deleted,
            )


def channels(pages: Iterable[Mapping[str, Any]]) -> Iterator[SlackChannel]:
    """Give the channels of the pages of conversations.list."""
    for page in pages:
        for channel in _read(_Channels, "conversations.list", page).channels:
            yield SlackChannel(id=channel.id, name=channel.name)


def usergroups(answer: Mapping[str, Any]) -> Iterator[SlackUsergroup]:
    """Give the usergroups that usergroups.list answers with."""
    for group in _read(_Usergroups, "usergroups.list", answer).usergroups:
        prefs = group.prefs or _Prefs()
        yield SlackUsergroup(
            id=group.id,
            handle=group.handle,
            description=unescape(group.description or ""),
            user_ids=tuple(group.users or ()),
            channel_ids=(*(prefs.channels or ()), *(prefs.groups or ())),  # groups: private channels
            enabled=not group.date_delete,
        )


def created_id(answer: Mapping[str, Any]) -> str:
    """Return the id of the usergroup that usergroups.create answers with."""
    return _read(_Created, "usergroups.create", answer).usergroup.id


M = TypeVar("M", bound=BaseModel)


def _read(model: type[M], method: str, answer: Mapping[str, Any]) -> M:
    try:
        return model.model_validate(answer)
    except ValidationError as error:
        first, *more = error.errors(include_url=False, include_context=False, include_input=False)
        where = ".".join(map(str, first["loc"]))
        others = f", and {len(more)} more" if more else ""
        message = f"Slack's answer to {method} has not its shape: {where}: {first['msg']}{others}"
        raise IntegrationError(one_line(message)) from None
