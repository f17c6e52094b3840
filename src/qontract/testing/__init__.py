"""For authors: handlers and integrations in a test, without Redis and without waiting."""

from qontract.testing.subscriber import InMemorySubscriber, Outcome, deliver

__all__ = ["InMemorySubscriber", "Outcome", "deliver"]
