"""The kinds of runs of the publishing half."""

from typing import NamedTuple

from qontract.application.failover_replay import MAX_EVENTS


class Kind(NamedTuple):
    """What befalls the workers of a kind, and Redis.

    `safe`: they have a spool and intents. `remembers`: how many events they can publish again. `replicas`: how many of
    Redis have to have what they publish, which are all that there are, and then workers die together with the primary.
    One of two would not do: it may still follow a primary that is replaced by the other one. `dies`: they get kill -9,
    and others follow. `fails_over`: another server becomes the primary, or one forgets what it was told last. Each job
    is submitted when the one before has ended, and a worker that lives to their end ends when all is well. `cluster`:
    the events are in one. `fsync`: what they publish has to be on disks, which servers write at once.
    """

    safe: bool = True
    remembers: int = MAX_EVENTS
    replicas: int = 0
    dies: bool = True
    fails_over: bool = False
    cluster: bool = False
    fsync: bool = False


KINDS = {
    "publishing": Kind(),
    "unsafe": Kind(safe=False),
    "failover": Kind(dies=False, fails_over=True),
    "failover-replicated": Kind(replicas=2, fails_over=True),
    "failover-one-replica": Kind(replicas=1, fails_over=True),
    "failover-cluster": Kind(dies=False, fails_over=True, cluster=True),
    "failover-cluster-replicated": Kind(replicas=1, fails_over=True, cluster=True),
    "failover-fsync": Kind(dies=False, fails_over=True, fsync=True),
    "failover-fsync-replicated": Kind(replicas=1, fails_over=True, fsync=True),
    "failover-unkept": Kind(remembers=0, dies=False, fails_over=True),
}
