"""Log lines on standard error: for people, or as JSON objects for machines.

Guaranteed: one line per event, and no credential: what looks like ``user:password@`` or a conda
token in a URL is masked, whoever wrote the message.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime

_CREDENTIALS = re.compile(r"(?<=://)[^/\s]+@|(?<=/t/)[^/\s]+")


def redact(message: str) -> str:
    """Mask credentials in URLs: ``user:password@`` and conda's ``/t/<token>/``."""
    return _CREDENTIALS.sub(lambda match: "***@" if match[0].endswith("@") else "***", message)


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        level = "" if record.levelno == logging.INFO else f"{record.levelname.lower()}: "
        return f"{moment} {level}{redact(super().format(record))}"


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        return json.dumps(
            {
                "time": moment,
                "level": record.levelname.lower(),
                "program": record.name.partition(".")[0],
                "message": redact(super().format(record)),
            }
        )


def configure(level: str, style: str) -> None:
    """Log to standard error; ``style`` is ``text`` or ``json``."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if style == "json" else _Text())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for program in ("syncer", "indexer", "volume"):
        logging.getLogger(program).setLevel(level.upper())
