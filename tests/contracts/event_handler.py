"""What every EventHandler promises: each line of the port's docstring."""

from abc import abstractmethod
from collections.abc import Callable, Sequence

import anyio
import pytest

from qontract.application.delivery.subscription import Subscription
from qontract.application.ports.event_handler import EventHandler
from qontract.domain.events import DomainEvent
from qontract.domain.slack_usergroups import UsergroupFailure
from tests.support.handling import event, handle
from tests.support.slack_events import failed

Handled = tuple[EventHandler, Callable[[], Sequence[str]]]


@pytest.mark.anyio
class EventHandlerContract:
    """Subclass it, and give the adapter."""

    @pytest.fixture
    @abstractmethod
    def handled(self) -> Handled:
        """The handler, and what tells, in order, of each event that it handled: a text with its subject."""

    async def test_it_says_which_types_it_wants(self, handled: Handled) -> None:
        handler, _ = handled
        assert Subscription("any", handler).wants("qontract-api.slack-usergroups.create")

    async def test_returning_means_handled(self, handled: Handled) -> None:
        handler, told = handled
        await handle(handler, failed(UsergroupFailure(workspace="coreos", usergroup="team-b", error="no <reason>")))
        (text,) = told()
        assert "coreos/team-b" in text
        assert "no <reason>" in text

    async def test_an_event_of_a_type_without_a_class_is_handled(self, handled: Handled) -> None:
        handler, told = handled
        await handle(handler, event("any/thing", text='<!channel> & "quotes"\nnew line é 🎉'))
        (text,) = told()
        assert "any/thing" in text
        assert "qontract-api.elsewhere.done" in text

    async def test_an_event_without_subject_and_data_is_handled(self, handled: Handled) -> None:
        handler, told = handled
        await handle(handler, DomainEvent(type="a.b", data={}))
        assert len(told()) == 1

    async def test_the_same_event_may_come_again(self, handled: Handled) -> None:
        handler, told = handled
        again = event()
        await handle(handler, again)
        await handle(handler, again)
        assert ["coreos/team-a" in text for text in told()] in ([True], [True, True])

    async def test_several_may_be_handled_at_once(self, handled: Handled) -> None:
        handler, told = handled
        subjects = [f"coreos/team-{number:02}" for number in range(20)]
        async with anyio.create_task_group() as group:
            for subject in subjects:
                group.start_soon(handle, handler, event(subject))
        assert [sum(subject in text for text in told()) for subject in subjects] == [1] * 20
