"""For authors' tests: events made from the examples of their fields."""

from typing import Any, TypeVar

from qontract.adapters.cloudevents import examples
from qontract.domain.events import DomainEvent, EventData
from qontract.domain.integration import Action

E = TypeVar("E", bound=DomainEvent)


def example(event_type: type[E], **fields: Any) -> E:
    """Return an event of the type, with a new id and time.

    `fields` are attributes of the event, or fields of its data. All others have the first example of the field, or its
    default. If an attribute and a field of the data have the same name, the attribute is meant: give all of `data`
    then.

        example(UsergroupUsersUpdated, users_to_add=("alice",), correlation_id="request-1")
    """
    made = examples.example(event_type)
    attributes = {name: value for name, value in fields.items() if name in event_type.model_fields}
    inner = {name: value for name, value in fields.items() if name not in attributes}
    data = made.data
    if isinstance(data, EventData):
        if unknown := inner.keys() - type(data).model_fields:
            raise TypeError(f"{event_type.__qualname__} and its data have no field {', '.join(sorted(unknown))}")
        data = type(data).model_validate(dict(data) | inner)
    elif inner:
        raise TypeError(f"{event_type.__qualname__} has no field {', '.join(inner)}")
    subject = data.subject if isinstance(data, Action) else made.subject
    return event_type.model_validate({"data": data, "subject": subject} | attributes)
