"""The subscriptions that a subscriber runs. To add a handler, add a line; or install a package that names it.

A package names its handlers in the entry-point group `qontract.event_handlers`: the name of the subscription, and what
to call, without arguments, to get the handler.

    [project.entry-points."qontract.event_handlers"]
    my-subscription = "my_package.handlers:MyHandler"
"""

from importlib.metadata import entry_points

from qontract.application.subscriptions import Subscription
from qontract.entrypoints.container import Container

GROUP = "qontract.event_handlers"


def subscriptions(container: Container) -> list[Subscription]:
    """Return the subscriptions of this package and of what is installed. Raises ValueError for a name used twice."""
    notifier = container.slack_notifier()
    found = [
        Subscription("audit-log", container.audit_log()),
        *([Subscription("slack-notifier", notifier)] if notifier else []),
        *(Subscription(entry.name, entry.load()()) for entry in entry_points(group=GROUP)),
    ]
    names = [subscription.name for subscription in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"more than one subscription is named {', '.join(twice)}; rename all but one")
    return found
