import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from qontract.entrypoints.logs import configure_logs


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []  # those of pytest are not for configure_logs to close
    yield
    root.handlers, root.level = handlers, level
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def _line(capsys) -> dict[str, object]:
    (line,) = capsys.readouterr().err.splitlines()
    return json.loads(line)


def test_a_log_record_is_one_line_of_json(capsys):
    configure_logs()
    logging.getLogger("there").warning("%s of %s\n", 1, 2, extra={"job": "7", "odd": {1, 2}})
    line = _line(capsys)
    assert (line["event"], line["level"], line["logger"], line["job"]) == ("1 of 2\n", "warning", "there", "7")
    assert line["timestamp"].endswith("Z")


def test_what_is_bound_to_the_context_is_in_the_line(capsys):
    configure_logs()
    with structlog.contextvars.bound_contextvars(correlation_id="here"):
        logging.getLogger("there").info("done")
    assert _line(capsys)["correlation_id"] == "here"


def test_an_exception_is_in_the_line(capsys):
    configure_logs()
    try:
        int("why")
    except ValueError:
        logging.getLogger("there").exception("failed")
    assert "ValueError: invalid literal" in _line(capsys)["exception"]


def test_a_line_below_the_level_is_left_out(capsys):
    configure_logs("WARNING")
    logging.getLogger("there").info("done")
    assert capsys.readouterr().err == ""


def test_a_person_who_watches_reads_text(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    configure_logs()
    logging.getLogger("there").info("done")
    assert "done" in capsys.readouterr().err
