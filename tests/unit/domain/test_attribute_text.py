"""Texts that an event can have in its attributes."""

import pytest
from pydantic import TypeAdapter, ValidationError

from qontract.domain.attribute_text import AttributeText

TEXT: TypeAdapter[str] = TypeAdapter(AttributeText)


@pytest.mark.parametrize("text", ["", "acme/team-a", "système ☃", "\U0001f600", "a b"])
def test_a_text_that_anybody_can_read_is_taken(text: str) -> None:
    assert TEXT.validate_python(text) == text


@pytest.mark.parametrize("text", ["\0", "a\nb", "\x7f", "c\x85", "\ud800", "\ufdd0", "\uffff", "\U0010fffe"], ids=ascii)
def test_a_character_that_cloudevents_forbids_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        TEXT.validate_python(text)
