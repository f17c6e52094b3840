"""What every ServerInfo promises: each line of the port's docstring."""

from abc import abstractmethod

import pytest

from qontract.application.ports.server_info import ServerInfo
from qontract.domain.health_findings import HealthStatus
from qontract.domain.server_health import findings_of_server


class ServerInfoContract:
    """Subclass it, and give an adapter for a server that is well."""

    @pytest.fixture
    @abstractmethod
    def server(self) -> ServerInfo:
        """Return it."""

    def test_it_tells_what_it_is_and_where_and_that_it_is_well(self, server: ServerInfo) -> None:
        view = server.read()
        assert view.software
        assert view.version[0].isdigit()
        assert view.address
        assert view.primary
        assert {finding.wellness for finding in findings_of_server(view)} == {HealthStatus.WELL}
