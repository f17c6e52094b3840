"""Whether traces are recorded: OpenTelemetry's own variables say it."""

import builtins
import logging
from typing import Any

import pytest

from qontract.adapters.opentelemetry import OpenTelemetryTracer
from qontract.entrypoints.container import Container
from qontract.entrypoints.settings.traces import wanted

ENDPOINT, OF_TRACES = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
WHERE = "http://user:s3cret@127.0.0.1:1"


@pytest.mark.parametrize(
    ("variables", "is_wanted"),
    [
        ({}, False),
        ({ENDPOINT: ""}, False),
        ({ENDPOINT: WHERE}, True),
        ({OF_TRACES: WHERE}, True),
        ({ENDPOINT: WHERE, "OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({ENDPOINT: WHERE, "OTEL_TRACES_EXPORTER": "none"}, False),
        ({ENDPOINT: WHERE, "OTEL_SDK_DISABLED": "True"}, False),
        ({ENDPOINT: WHERE, "OTEL_SDK_DISABLED": "false"}, True),
        ({ENDPOINT: WHERE, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, True),
        ({"OTEL_TRACES_EXPORTER": "console"}, False),
    ],
)
def test_traces_are_wanted_if_a_collector_is_named_and_nothing_switches_them_off(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], is_wanted: bool
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert wanted() is is_wanted
    assert isinstance(Container().tracer("a"), OpenTelemetryTracer if is_wanted else type(None))


@pytest.mark.parametrize(
    ("name", "value"), [("OTEL_TRACES_EXPORTER", "zipkin"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]
)
def test_a_form_that_is_not_sent_is_named_in_one_line_and_all_else_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str, value: str
) -> None:
    monkeypatch.setenv(ENDPOINT, WHERE)
    monkeypatch.setenv(name, value)
    assert Container().tracer("a") is None
    [record] = caplog.records
    assert (record.levelno, record.getMessage()) == (logging.WARNING, "tracing left out")
    said = str(record.__dict__["error"])
    assert said.startswith(f"{name}: ")
    assert "s3cret" not in said


def test_without_the_extra_the_log_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("qontract.adapters.opentelemetry"):
            raise ModuleNotFoundError("No module named 'opentelemetry.sdk'", name="opentelemetry.sdk")
        return real(name, *args, **kwargs)

    monkeypatch.setenv(ENDPOINT, WHERE)
    monkeypatch.setattr(builtins, "__import__", without)
    assert Container().tracer("a") is None
    [record] = caplog.records
    assert record.__dict__["error"] == "it needs an extra that is not installed: pip install 'qontract[otel]'"
