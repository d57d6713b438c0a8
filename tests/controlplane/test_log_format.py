from __future__ import annotations

import logging

import msgspec
import pytest
import structlog

from controlplane.log_format import logging_config


@pytest.fixture
def formatter() -> logging.Formatter:
    config = logging_config(level="INFO", as_json=True)["formatters"]["structlog"]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=config["foreign_pre_chain"], processors=config["processors"]
    )


def test_a_foreign_record_becomes_one_json_line_with_the_correlation_id(formatter: logging.Formatter) -> None:
    record = logging.LogRecord("django.request", logging.WARNING, __file__, 1, "Not Found: %s", ("/x",), None)
    with structlog.contextvars.bound_contextvars(correlation_id="req_1"):
        line = formatter.format(record)
    assert "\n" not in line
    entry = msgspec.json.decode(line)
    assert entry["event"] == "Not Found: /x"
    assert entry["correlation_id"] == "req_1"
    assert (entry["level"], entry["logger"]) == ("warning", "django.request")


def test_an_exception_stays_on_its_line(formatter: logging.Formatter) -> None:
    try:
        raise ValueError("broken\nin two")
    except ValueError as error:
        info = (type(error), error, error.__traceback__)
    line = formatter.format(logging.LogRecord("x", logging.ERROR, __file__, 1, "failed", (), info))
    assert "\n" not in line
    assert msgspec.json.decode(line)["exception"][0]["exc_type"] == "ValueError"


@pytest.mark.parametrize("as_json", [True, False])
def test_an_exception_never_shows_the_variables_of_its_frames(as_json: bool) -> None:
    config = logging_config(level="INFO", as_json=as_json)["formatters"]["structlog"]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=config["foreign_pre_chain"], processors=config["processors"]
    )
    secret_of_a_caller = "sk-" + "live"
    try:
        raise ValueError(f"refused a key of {len(secret_of_a_caller)} characters")
    except ValueError as error:
        info = (type(error), error, error.__traceback__)
    line = formatter.format(logging.LogRecord("x", logging.ERROR, __file__, 1, "failed", (), info))
    assert "ValueError" in line
    assert "sk-live" not in line
