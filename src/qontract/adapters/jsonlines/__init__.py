"""Files of JSON lines."""

from qontract.adapters.jsonlines.event_handler import JsonLinesEventHandler

__all__ = ["JsonLinesEventHandler"]
