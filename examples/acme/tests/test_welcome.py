"""The handler that welcomes new members."""

import json

import httpx
import pytest
from acme.mailing_lists import ListCreated, ListMembersUpdated
from acme.welcome import Welcome
from acme.welcome_sent import WelcomeSent

from qontract.testing import EventHandlerContract, deliver, example


class Mail(httpx.MockTransport):
    """Remembers to whom mails went, each key once."""

    def __init__(self, *answers: httpx.Response) -> None:
        super().__init__(self._answer)
        self.answers = list(answers)
        self.sent: dict[str, str] = {}

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if self.answers:
            return self.answers.pop(0)
        mail = json.loads(request.content)
        self.sent[mail["key"]] = mail["to"]
        return httpx.Response(202)


def welcome(mail: Mail) -> Welcome:
    return Welcome(Welcome.Settings(url="https://mail.acme.example", token="secret"), mail)


class TestWelcome(EventHandlerContract):
    @pytest.fixture
    def handler(self) -> Welcome:
        return welcome(Mail())


def test_each_new_member_is_welcomed_once_though_the_mail_server_is_away_at_first() -> None:
    mail = Mail(httpx.Response(429), httpx.Response(503))
    outcome = deliver(welcome(mail), example(ListMembersUpdated, added=("carol@acme.example",), removed=()))
    assert list(mail.sent.values()) == ["carol@acme.example"]
    assert [number for _, _, number in outcome.attempts] == [1, 1, 2]
    assert outcome.seconds > 60


def test_what_it_did_is_an_event_of_its_own() -> None:
    outcome = deliver(welcome(Mail()), example(ListCreated, members=("carol@acme.example",)))
    [sent] = outcome.published
    assert isinstance(sent, WelcomeSent)
    assert (sent.data.address, sent.data.mailing_list) == ("carol@acme.example", "acme.example/news")


def test_a_mail_that_is_refused_is_a_dead_letter_at_once() -> None:
    outcome = deliver(welcome(Mail(httpx.Response(422, text="no such mailbox"))), example(ListCreated))
    [letter] = outcome.dead_letters
    assert "no such mailbox" in letter.failures[-1].error
    assert len(outcome.attempts) == 1


def test_events_of_before_the_field_was_renamed_can_be_read() -> None:
    old = {"recipient": "carol@acme.example", "mailing_list": "acme.example/news"}
    data = WelcomeSent.model_validate({"data": old}).data
    assert (data.address, data.language) == ("carol@acme.example", "en")
