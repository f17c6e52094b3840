"""OpenTelemetry: spans go to a collector (OTLP over HTTP), as its own variables say: `OTEL_EXPORTER_OTLP_ENDPOINT`."""

from qontract.adapters.opentelemetry.tracer import OpenTelemetryTracer

__all__ = ["OpenTelemetryTracer"]
