"""Properties: whatever CloudEvents allows comes through, by way of the SDK, and of the domain's event."""

import json
from datetime import UTC, datetime
from typing import Any

from cloudevents.core.formats.json import JSONFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qontract.adapters.cloudevents import CloudEventsEventFormat, Event
from qontract.domain.events import catalogue, read_event

SDK = JSONFormat()

words = st.text(st.characters(exclude_categories=("Cc", "Cs", "Cn")), min_size=1)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
names = st.from_regex(r"[a-z0-9]{1,20}", fullmatch=True).filter(lambda name: name not in Event.model_fields)
extension_names = names | st.sampled_from(["correlationid", "partitionkey", "extensions", "model", "copy", "json"])
times = st.datetimes(min_value=datetime(1000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - aware by timezones
attributes = st.fixed_dictionaries(
    {
        "id": words,
        "type": words | st.sampled_from(sorted(catalogue())),
        "source": st.from_regex(r"[a-z0-9/:._~-]+", fullmatch=True),
    },
    optional={"subject": words, "time": times},
)
extensions = st.dictionaries(
    extension_names, words | st.just("") | st.booleans() | st.integers(-(2**31), 2**31 - 1), max_size=4
)
contents = st.fixed_dictionaries(
    {},
    optional={
        "datacontenttype": st.sampled_from(["application/json", "text/plain; charset=utf-8", "image/png"]) | st.none(),
        "dataschema": st.sampled_from(["https://example.org/schema", "urn:x:ä"]),
    },
).flatmap(
    lambda types: (
        st.fixed_dictionaries({"data": json_values}) | st.fixed_dictionaries({"data_base64": st.binary()}) | st.just({})
    ).map(lambda data: types | data)
)
thorough = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@thorough
@given(attributes, extensions, st.dictionaries(st.text(), json_values))
def test_any_event_comes_through_us_and_the_sdk_unchanged(
    known: dict[str, Any], extra: dict[str, Any], data: dict[str, Any]
) -> None:
    event = Event(**known, **extra, data=data)
    assert Event.from_json(event.to_json()) == event
    seen = SDK.read(None, event.to_json())
    assert seen.get_data() == data
    assert seen.get_attributes() == {name: value for name, value in event if value is not None and name != "data"}
    assert Event.from_json(SDK.write(seen)) == event


@thorough
@given(attributes, extensions, contents)
def test_any_event_is_decoded_with_every_attribute_and_encoded_as_it_was(
    known: dict[str, Any], extra: dict[str, Any], content: dict[str, Any]
) -> None:
    event = Event(**known, **extra, **content)
    form = CloudEventsEventFormat("/unused")
    assert form.type_of(event.to_json()) == event.type
    decoded = form.decode(event.to_json())
    for name in ("id", "type", "source", "subject", "time", "datacontenttype", "dataschema", "data_base64"):
        assert getattr(decoded, name) == getattr(event, name)
    assert decoded.model_dump(mode="json")["data"] == json.loads(event.to_json()).get("data")
    seen = decoded.extensions | ({"correlationid": decoded.correlation_id} if decoded.correlation_id else {})
    assert seen == event.extensions
    assert {name: type(value) for name, value in seen.items()} == {name: type(value) for name, value in extra.items()}
    assert Event.from_json(form.encode(decoded)) == event


@thorough
@given(attributes, extensions, contents)
def test_any_event_that_was_decoded_is_read_back_from_its_own_json(
    known: dict[str, Any], extra: dict[str, Any], content: dict[str, Any]
) -> None:
    decoded = CloudEventsEventFormat("/unused").decode(Event(**known, **extra, **content).to_json())
    assert read_event(decoded.model_dump_json()) == decoded
