"""Acme's post office, which has the mailing lists, over HTTP."""

from collections.abc import Mapping
from typing import Any

import httpx
from pydantic import BaseModel, SecretStr

from acme import mailing_lists
from acme.mailing_lists import CreateList, DesiredLists, Domain, Members, UpdateMembers
from qontract import Integration, IntegrationError, Plan, RateLimitedError


class MailingLists(Integration[Mapping[str, Members], Domain, CreateList | UpdateMembers]):
    """Brings the mailing lists of domains, which are its scopes, to their desired state."""

    name = "mailing-lists"
    desired = DesiredLists
    events = (
        mailing_lists.ListCreated,
        mailing_lists.ListMembersUpdated,
        mailing_lists.ListFailed,
        mailing_lists.ListsBlocked,
    )

    class Settings(BaseModel):
        """How the post office is reached: `QAPI_MAILING_LISTS__URL`, `QAPI_MAILING_LISTS__TOKEN`."""

        url: str
        token: SecretStr
        timeout: float = 10

    def __init__(self, settings: Settings, transport: httpx.BaseTransport | None = None) -> None:
        self._settings = settings
        self._transport = transport
        self.in_doubt_seconds = 2 * settings.timeout

    def read(self, scope: str) -> Domain:
        """Return all lists of the domain: one call."""
        answer = self._call("GET", f"/domains/{scope}/lists")
        try:
            return Domain(scope, {each["name"]: tuple(each["members"]) for each in answer.json()})
        except (KeyError, TypeError, ValueError) as error:
            raise IntegrationError(f"the lists of {scope!r} have not their shape: {error!r}") from None

    def plan(self, desired: Mapping[str, Members], state: Domain) -> Plan[CreateList | UpdateMembers]:
        """Return what to do."""
        return mailing_lists.plan(desired, state)

    def apply(self, action: CreateList | UpdateMembers) -> None:
        """Make the one call of the action."""
        lists, members = f"/domains/{action.domain}/lists", list(action.members)
        if isinstance(action, CreateList):
            self._call("POST", lists, {"name": action.name, "members": members})
        else:
            self._call("PUT", f"{lists}/{action.name}/members", members)

    def observed(self, action: CreateList | UpdateMembers, state: Domain) -> CreateList | UpdateMembers | None:
        """Return the action if it was applied."""
        return mailing_lists.observed(action, state)

    def _call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Return the answer. A client for each call is right in any thread, and in a forked process."""
        headers = {"Authorization": f"Bearer {self._settings.token.get_secret_value()}"}
        try:
            with httpx.Client(
                base_url=self._settings.url, headers=headers, timeout=self._settings.timeout, transport=self._transport
            ) as client:
                answer = client.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise IntegrationError(f"{method} {path}: {type(error).__name__}") from None
        if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise RateLimitedError(f"{method} {path}: too many requests", float(answer.headers.get("Retry-After", 60)))
        if answer.is_error:
            raise IntegrationError(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
        return answer
