"""What a subscriber tells Prometheus, for each subscription."""

from prometheus_client import Counter, Gauge

HANDLED = Counter("qontract_events_handled_total", "Events that a handler finished", ["subscription"])
FAILED = Counter("qontract_events_failed_total", "Attempts that failed", ["subscription"])
RETRIED = Counter("qontract_events_retried_total", "Attempts after the first", ["subscription"])
DEAD = Counter("qontract_events_dead_total", "Events that went to the dead letters", ["subscription"])
RECLAIMED = Counter("qontract_events_reclaimed_total", "Events taken over from another replica", ["subscription"])
REBUILT = Counter("qontract_groups_rebuilt_total", "Times that the consumer group had disappeared", ["subscription"])
ABANDONED = Gauge(
    "qontract_subscription_abandoned", "1 if its group no longer holds back the trimming", ["subscription"]
)
IN_FLIGHT = Gauge("qontract_events_in_flight", "Events in a handler of this replica", ["subscription"])
PENDING = Gauge("qontract_events_pending", "Events read and not acknowledged, of all replicas", ["subscription"])
LAG = Gauge("qontract_events_lag", "Events not read yet, counted up to 10,000", ["subscription"])
OLDEST = Gauge("qontract_events_oldest_seconds", "Age of the oldest event not acknowledged", ["subscription"])
