"""Test suites to inherit: each one tests every line of a port's contract on an adapter.

    from qontract.testing import EventPublisherContract

    class TestMyEventPublisher(EventPublisherContract):
        @pytest.fixture
        def published(self) -> Published: ...

The docstring of each class says which fixtures it needs. Importing a suite imports pytest. They are those of the ports
that an author may implement; those of the others are for qontract alone, and do not ship: `tests/contracts`.
"""
