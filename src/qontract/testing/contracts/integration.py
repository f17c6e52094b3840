"""What every Integration promises: each line of the port's docstring, and what a run of it does then."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import pytest

from qontract.application.reconcile import AnyIntegration
from qontract.testing.contracts.integration_knowledge import IntegrationKnowledgeContract
from qontract.testing.contracts.integration_runs import IntegrationDeathsContract, IntegrationRunsContract
from qontract.testing.event_manager import InMemoryEventManager


class IntegrationContract(IntegrationKnowledgeContract, IntegrationRunsContract, IntegrationDeathsContract):
    """Inherit it, and give `integration` and `desired`; and `elsewhere`, if there can be two scopes.

        class TestMailingLists(IntegrationContract):
            @pytest.fixture
            def integration(self) -> InMemoryMailingLists:
                return InMemoryMailingLists(acme=[MailingList(name="news", members=("bob",))])

            @pytest.fixture
            def desired(self) -> Mapping[str, Any]:
                return {"domains": [{"name": "acme", "lists": [{"name": "news", "members": ["alice"]}, ...]}]}

    The tests call the integration as it is: it may be one in memory, or the real one on a server made for the test.
    """

    @pytest.fixture
    @abstractmethod
    def integration(self) -> AnyIntegration:
        """A new integration, on a system that is the same for each test."""

    @pytest.fixture
    @abstractmethod
    def desired(self) -> Mapping[str, Any]:
        """A request, as JSON, for one scope that is there. It takes two actions at least, on different subjects."""

    @pytest.fixture
    def elsewhere(self) -> Mapping[str, Any]:
        """A request for another scope that is there, best one with the same names in it. It takes actions too."""
        pytest.skip("the fixture `elsewhere` is not given")

    @pytest.fixture
    def events(self) -> InMemoryEventManager:
        """An event manager with nothing published yet."""
        return InMemoryEventManager()
