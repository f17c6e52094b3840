"""CloudEvents 1.0: the form that events have outside of this process."""

from qontract.adapters.cloudevents.asyncapi import asyncapi
from qontract.adapters.cloudevents.event import CONTENT_TYPE, Event
from qontract.adapters.cloudevents.event_format import CloudEventsEventFormat
from qontract.adapters.cloudevents.examples import example
from qontract.adapters.cloudevents.mapper import from_cloudevent, to_cloudevent

__all__ = ["CONTENT_TYPE", "CloudEventsEventFormat", "Event", "asyncapi", "example", "from_cloudevent", "to_cloudevent"]
