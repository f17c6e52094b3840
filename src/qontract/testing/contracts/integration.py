"""The contract of Integration: each line of the port's docstring is tested, and what a run of an integration does."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import pytest

from qontract.application.ports.integration import AnyIntegration
from qontract.testing.contracts.integration_knowledge import IntegrationKnowledgeContract
from qontract.testing.contracts.integration_runs import IntegrationDeathsContract, IntegrationRunsContract
from qontract.testing.event_manager import InMemoryEventManager


class IntegrationContract(IntegrationKnowledgeContract, IntegrationRunsContract, IntegrationDeathsContract):
    """Subclass it, and give the fixtures `integration` and `desired`; and `elsewhere`, if there can be two scopes.

        class TestMailingLists(IntegrationContract):
            @pytest.fixture
            def integration(self) -> InMemoryMailingLists:
                return InMemoryMailingLists(acme=[MailingList(name="news", members=("bob",))])

            @pytest.fixture
            def desired(self) -> Mapping[str, Any]:
                return {"domains": [{"name": "acme", "lists": [{"name": "news", "members": ["alice"]}, ...]}]}

    The integration may be one in memory, or the real one on a server made for the test.
    """

    @pytest.fixture
    @abstractmethod
    def integration(self) -> AnyIntegration:
        """A new integration. Its system is in the same state for each test."""

    @pytest.fixture
    @abstractmethod
    def desired(self) -> Mapping[str, Any]:
        """A request, as JSON, for one existing scope. Its plan has two actions at least, on different subjects."""

    @pytest.fixture
    def elsewhere(self) -> Mapping[str, Any]:
        """A request for another existing scope, best with the same names in it. Its plan has actions too."""
        pytest.skip("the fixture `elsewhere` is not given")

    @pytest.fixture
    def events(self) -> InMemoryEventManager:
        """A new event manager."""
        return InMemoryEventManager()
