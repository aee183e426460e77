"""One way of logging for every process of the service: as text for people, or one JSON object per line."""

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal

_CHATTY = ("jax", "httpx", "httpcore", "asyncio", "botocore", "boto3", "urllib3", "s3transfer")

# What the work at hand is about; every record that is logged meanwhile says so.
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
fit_id: ContextVar[str | None] = ContextVar("fit_id", default=None)


def configure(level: str, *, process: str, form: Literal["text", "json"] = "text") -> None:
    """Send every log record of this process to stderr.

    Args:
        level: Name of the lowest level that is shown, such as "info".
        process: What this process is ("api", "worker", ...).
        form: "text" for one line each (tracebacks excepted), "json" for one object per line.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_add_ids)
    text = logging.Formatter(f"%(asctime)s {process} %(levelname)s %(name)s: %(message)s")
    handler.setFormatter(_JsonFormatter(process) if form == "json" else text)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for chatty in _CHATTY:
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.getLogger().level))


class _JsonFormatter(logging.Formatter):
    """A record as JSON: time (UTC), process, level, logger, message; request and fit where known; exception."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "process": self._process,
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "request": getattr(record, "request", None),
            "fit": getattr(record, "fit", None),
            "exception": self.formatException(record.exc_info) if record.exc_info else None,
        }
        return json.dumps({name: value for name, value in entry.items() if value is not None})


def _add_ids(record: logging.LogRecord) -> bool:
    record.request = request_id.get()
    record.fit = fit_id.get()
    return True
