"""Whether traces are wanted, and where they go: OpenTelemetry's own variables say it.

https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

import os

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


def wanted() -> bool:
    """Say whether they are: a collector is named, and nothing switches them off.

    Raises ValueError if they are wanted in a form that is not sent: the variable, and what it may say.
    """
    exporter = os.environ.get("OTEL_TRACES_EXPORTER", "").strip().lower() or "otlp"
    disabled = os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    if disabled or exporter == "none" or not any(map(os.environ.get, _ENDPOINTS)):
        return False
    if exporter != "otlp":
        raise ValueError("OTEL_TRACES_EXPORTER: otlp or none; traces are sent in no other form")
    protocol = next(filter(None, map(os.environ.get, _PROTOCOLS)), "http/protobuf")
    if protocol.strip().lower() != "http/protobuf":
        raise ValueError("OTEL_EXPORTER_OTLP_PROTOCOL: http/protobuf; traces are sent in no other form")
    return True
