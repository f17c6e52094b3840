"""Suites of tests to inherit: each line of what a port promises, for whatever implements it.

    from qontract.testing import EventPublisherContract

    class TestMyEventPublisher(EventPublisherContract):
        @pytest.fixture
        def published(self) -> Published: ...

The docstring of each class says which fixtures it needs. Importing them imports pytest.
"""
