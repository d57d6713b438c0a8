"""How log records look: structlog renders what Django, Celery, uvicorn and our own code log."""

from __future__ import annotations

import logging.config
from typing import Any

import structlog
from structlog.typing import Processor

_SHARED: tuple[Processor, ...] = (
    # Whatever serves a request or a task binds ``correlation_id`` there; every line below it carries it.
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)

# Never the frames' variables: they hold keys, prompts and answers.
_TRACEBACKS = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))


def logging_config(*, level: str, as_json: bool) -> dict[str, Any]:
    """A ``logging.config`` dictionary that sends everything to stderr through structlog."""
    render: list[Processor]
    if as_json:
        render = [_TRACEBACKS, structlog.processors.JSONRenderer()]
    else:
        render = [structlog.dev.ConsoleRenderer(colors=True, exception_formatter=structlog.dev.plain_traceback)]
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structlog": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": list(_SHARED),
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structlog"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Their own handlers would print each line a second time.
            "django": {"handlers": [], "level": level, "propagate": True},
            "django.server": {"handlers": [], "level": level, "propagate": True},
            # Scanners that ask for wrong hosts are not our errors.
            "django.security.DisallowedHost": {"handlers": [], "level": "CRITICAL", "propagate": False},
            "celery": {"level": level, "propagate": True},
            # Its warnings are about what strangers send; they have had their answer.
            "uvicorn.error": {"level": "ERROR"},
            "httpx": {"level": "WARNING"},
            "asyncio": {"level": "WARNING"},
        },
    }


def configure(config: dict[str, Any]) -> None:
    """Apply ``config`` and make ``structlog.get_logger()`` log through it. Named by ``settings.LOGGING_CONFIG``."""
    logging.config.dictConfig(config)
    structlog.configure(
        processors=[
            *_SHARED,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
