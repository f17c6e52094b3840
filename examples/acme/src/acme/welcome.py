"""A handler: whoever comes onto a mailing list is welcomed."""

from typing import Self

import httpx
from pydantic import BaseModel, SecretStr

from acme.mailing_lists import CreateList, ListCreated, ListMembersUpdated
from acme.welcome_sent import SentWelcome, WelcomeSent
from qontract import Delivery, EventHandler, Policy, Reject, RetryLater


class Welcome(EventHandler[ListCreated | ListMembersUpdated]):
    """Sends a mail to each new member, and publishes that it did."""

    policy = Policy(max_attempts=5, timeout=30)

    class Settings(BaseModel):
        """How the mail server is reached: `QAPI_WELCOME__URL`, `QAPI_WELCOME__TOKEN`."""

        url: str
        token: SecretStr

    def __init__(self, settings: Settings, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._settings = settings
        self._transport = transport

    async def __aenter__(self) -> Self:
        """Open the client; this is before the first event."""
        headers = {"Authorization": f"Bearer {self._settings.token.get_secret_value()}"}
        self._mail = httpx.AsyncClient(base_url=self._settings.url, headers=headers, transport=self._transport)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it; this is after the last."""
        await self._mail.aclose()

    async def handle(self, event: ListCreated | ListMembersUpdated, delivery: Delivery) -> None:
        """Welcome each new member. In another attempt, the same keys are used: nobody is welcomed twice."""
        data = event.data
        for address in data.members if isinstance(data, CreateList) else data.added:
            mail = {"key": f"{event.id}/{address}", "to": address, "text": f"Welcome to {data.subject}!"}
            answer = await self._mail.post("/mails", json=mail)
            if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
                raise RetryLater(60)  # no attempt: the event comes again in a minute
            if answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
                raise Reject(answer.text)  # a dead letter, at once
            answer.raise_for_status()  # a failed attempt
            sent = SentWelcome(address=address, mailing_list=data.subject)
            await delivery.publish(WelcomeSent(subject=address, data=sent))
