"""Suites of tests to inherit: each line of what a port promises, for whatever implements it.

    from qontract.testing import EventPublisherContract

    class TestMyEventPublisher(EventPublisherContract):
        @pytest.fixture
        def published(self) -> Published: ...

The docstring of each class says which fixtures it needs. Importing them imports pytest. They are those of the ports
that an author may implement; those of the others are for qontract alone, and do not ship: `tests/contracts`.
"""
