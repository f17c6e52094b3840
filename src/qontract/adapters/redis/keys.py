"""Every key of ours in Redis."""

from functools import lru_cache


class Keys:
    """The keys of one channel, which begin with `prefix`; and the `stream`, of any name: "" where nothing is kept.

    The prefix of a channel has braces, which keep its keys in one slot of a cluster.
    """

    def __init__(self, prefix: str, stream: str = "") -> None:
        self.prefix = prefix
        self.stream = stream
        self.intents = f"{prefix}intents"
        """A hash: the events of actions that are about to be applied."""
        self.dead = f"{prefix}dead"
        """A stream: the dead letters of all subscriptions."""
        self.dead_counts = f"{prefix}dead-counts"
        """A hash: how many dead letters each subscription has."""
        self.dead_changes = f"{prefix}dead-changes"
        """A stream: which dead letters were redriven and discarded, until an event of that is published."""
        self.redrives = f"{prefix}redrives"
        """A sorted set: who last redrove and discarded kept events, and when; trimmed with them: `redrive_marks.py`."""
        self.redrive_runs = f"{prefix}redrive-runs"
        """A hash: the runs in which groups of dead letters are being redriven, by group."""
        self.alive = f"{prefix}alive"
        """A hash: when each subscription last showed that it is run, in seconds since the epoch."""
        self.interests = f"{prefix}interests"
        """A hash: what each subscription asked for when it was last run."""
        self.places = f"{prefix}places"
        """A hash: when the place of each subscription was made or moved, and where it began."""
        self.ready = f"{prefix}ready"
        """A string that is written to see whether that can be done, and nobody reads."""
        self.paused = f"{prefix}paused"
        """A hash: which subscriptions nobody is to read, since when, and who said so."""
        self.processes = f"{prefix}processes"
        """A hash: what each process says of itself."""
        self.processes_seen = f"{prefix}processes-seen"
        """A sorted set: when each was last seen, in milliseconds since the epoch."""

    def published(self, stream: str) -> str:
        """Return what the marks of what was published to a stream begin with; `intent_name` follows."""
        return f"{self.prefix}published:{stream}:"

    def redriven(self, subscription: str) -> str:
        """Return the stream of what was redriven for the subscription."""
        return f"{self.prefix}redriven:{subscription}"

    def lease(self, subscription: str) -> str:
        """Return the lease of an ordered subscription: its value is the replica that leads."""
        return f"{self.prefix}lease:{subscription}"

    def records(self, subscription: str) -> str:
        """Return the hash of what is known of the attempts at entries."""
        return f"{self.prefix}records:{subscription}"

    def outcomes(self, subscription: str) -> str:
        """Return the stream of how events ended, for as long as they are kept."""
        return f"{self.prefix}outcomes:{subscription}"

    def set_aside(self, key: str) -> str:
        """Return where a key of ours goes that is not what it should be."""
        return f"{self.prefix}set-aside:{key.removeprefix(self.prefix)}"

    def handled(self, subscription: str, event_id: str) -> str:
        """Return the mark that the subscription has handled an event."""
        return f"{self.prefix}handled:{subscription}:{event_id}"


@lru_cache
def keys_of(channel: str, stream: str = "") -> Keys:
    """Return the keys of a channel."""
    return Keys(f"qontract:{{{channel}}}:", stream)


def intent_name(source: str, event_id: str) -> str:
    """Return the field of an event among the intents, and the end of its mark among the published."""
    return f"{source}:{event_id}"
