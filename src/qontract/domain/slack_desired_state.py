"""The desired state of Slack usergroups, as a request has it."""

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema, model_validator

from qontract.domain import integration


def plain_handle(text: str) -> str:
    """Return the handle in the form in which handles are compared."""
    return text.strip().removeprefix("@").casefold()


def _user(text: str) -> str:
    return text.strip().removeprefix("@").strip()


def _channel(text: str) -> str:
    return text.strip().removeprefix("#").casefold()


def _unique(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _schema(longest: int, pattern: str) -> WithJsonSchema:
    """Return the JSON schema of a text as it is sent: pydantic knows only the schema of the text after validation."""
    return WithJsonSchema({"type": "string", "maxLength": longest, "pattern": pattern})


# Control characters are refused: CloudEvents forbids them in a subject, and nobody means them.
_UserName = Annotated[
    str,
    StringConstraints(max_length=255),
    AfterValidator(_user),
    StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]+$"),
    _schema(255, r"^\s*@?\s*[^\s\x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])?\s*$"),
]
WorkspaceName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)]
Handle = Annotated[
    str,
    StringConstraints(max_length=80),
    AfterValidator(plain_handle),
    StringConstraints(pattern=r"^[\w.-]+$"),
    _schema(80, r"^\s*@?[\w.-]+\s*$"),
]
ChannelName = Annotated[
    str,
    StringConstraints(max_length=120),
    AfterValidator(_channel),
    StringConstraints(pattern=r"^\S+$"),
    _schema(120, r"^\s*#?\S+\s*$"),
]
Description = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=1000, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f-\x9f]*$")
]


class DesiredUsergroup(BaseModel):
    """A usergroup as it should be. None leaves a field as it is in Slack. Users are e-mail addresses or Slack names.

    Order, repetition, `@`, `#`, letter case and space around a text mean nothing. A group without users is emptied.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    handle: Handle
    users: Annotated[tuple[_UserName, ...], Field(max_length=10_000, fail_fast=True), AfterValidator(_unique)]
    description: Description | None = None
    channels: (
        Annotated[tuple[ChannelName, ...], Field(max_length=1_000, fail_fast=True), AfterValidator(_unique)] | None
    ) = None


class DesiredWorkspace(BaseModel):
    """The usergroups of one workspace. Groups in `managed_usergroups` that are not desired (any more) are emptied."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: WorkspaceName
    usergroups: Annotated[tuple[DesiredUsergroup, ...], Field(max_length=20_000, fail_fast=True)]
    managed_usergroups: (
        Annotated[tuple[Handle, ...], Field(max_length=20_000, fail_fast=True), AfterValidator(_unique)] | None
    ) = None

    @model_validator(mode="after")
    def _each_handle_once(self) -> Self:
        integration.refuse_repeated("usergroup", ((group.handle, group.handle) for group in self.usergroups))
        return self


class DesiredUsergroups(integration.DesiredState[DesiredWorkspace]):
    """The usergroups of some workspaces. A dry run, the default, plans and changes nothing."""

    workspaces: Annotated[tuple[DesiredWorkspace, ...], Field(min_length=1, max_length=100, fail_fast=True)]

    @model_validator(mode="after")
    def _each_workspace_once(self) -> Self:
        integration.refuse_repeated("workspace", ((each.name, each.name) for each in self.workspaces))
        return self

    def scopes(self) -> Mapping[str, DesiredWorkspace]:
        """Return the workspaces by name."""
        return {workspace.name: workspace for workspace in self.workspaces}
