"""Test suites to inherit: each one tests every line of a port's contract on an adapter.

    from qontract.testing import EventPublisherContract

    class TestMyEventPublisher(EventPublisherContract):
        @pytest.fixture
        def published(self) -> Published: ...

The docstring of each class says which fixtures it needs. Importing a suite imports pytest.
"""
