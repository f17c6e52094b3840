"""Port: the Slack workspaces that can be read and changed."""

from abc import abstractmethod
from typing import Protocol

from qontract.domain.slack_usergroups import Action
from qontract.domain.slack_workspace import SlackWorkspace


class SlackWorkspacesError(Exception):
    """Slack refused, or could not be reached. The message says what was asked and why not, and has no secret in it."""


class SlackWorkspaces(Protocol):
    """The workspaces, each by its name.

    - `read` returns all users, channels and usergroups, the disabled too, in a number of calls that does not depend on
      the number of usergroups.
    - `apply` returns when the whole action is done: planning again from a new `read` finds nothing more to do for it.
      It makes only the calls that the action needs.
    - `CreateUsergroup` of a handle that is there, and any action on a usergroup that is not, are refused.
    - An unknown workspace, a refusal and a failing connection raise SlackWorkspacesError, and nothing else.
    """

    @abstractmethod
    def read(self, workspace: str) -> SlackWorkspace:
        """Return the workspace as it is."""

    @abstractmethod
    def apply(self, action: Action) -> None:
        """Do what the action says."""
