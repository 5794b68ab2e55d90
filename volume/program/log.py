"""Log lines on standard error: for people, or as JSON objects for machines.

Guaranteed: one line per event, or lines that are indented; nothing that a terminal would obey; and
no credential: what looks like ``user:password@`` or a conda
token in a URL is masked, and so is every secret that was registered, wherever it stands and also
percent-encoded, whoever wrote the message.
Not guaranteed: a secret of less than four characters that stands outside of a URL.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from types import TracebackType
from urllib.parse import quote, quote_plus

from volume.program.printable import printable, printable_lines

_CREDENTIALS = re.compile(r"(?<=://)[^/\s]+@|(?<=/t/)[^/\s]+")


_SHORTEST = 4  # characters; to mask less would mask words
# Longest first, so that no secret hides the rest of a longer one.
_registered: tuple[str, ...] = ()


def register(*secrets: str) -> None:
    """Mask these from now on, in every message."""
    global _registered  # noqa: PLW0603 - the log is one for the whole process
    found = set(_registered)
    for secret in secrets:
        if len(secret) >= _SHORTEST:
            found |= {secret, quote(secret), quote(secret, safe=""), quote_plus(secret)}
    if len(found) > len(_registered):
        _registered = tuple(sorted(found, key=lambda spelling: (-len(spelling), spelling)))


def holds_secret(message: str) -> bool:
    """Whether a registered secret stands in a text, in any of its spellings."""
    return any(secret in message for secret in _registered)


def redact(message: str) -> str:
    """Mask every registered secret and credentials in URLs: ``user:password@``, ``/t/<token>/``."""
    message = _CREDENTIALS.sub(lambda match: "***@" if match[0].endswith("@") else "***", message)
    for secret in _registered:
        message = message.replace(secret, "***")
    return message


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        level = "" if record.levelno == logging.INFO else f"{record.levelname.lower()}: "
        # Whatever stands in a name, it can't look like a line of its own.
        text = printable_lines(redact(super().format(record))).replace("\n", "\n    ")
        return f"{moment} {level}{text}"


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


def text_of(record: logging.LogRecord) -> str:
    """A record as a person reads it."""
    return _Text().format(record)


def complain(program: str, message: str, style: str) -> None:
    """Say on standard error why a program ends, also before its log is configured."""
    if style.strip().lower() == "json":
        record = logging.LogRecord(program, logging.ERROR, "", 0, message, None, None)
        print(_Json().format(record), file=sys.stderr)
        return
    for line in message.splitlines():
        print(f"{program}: {printable(redact(line))}", file=sys.stderr)


def _log_crash(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    """A mistake of ours, as one line too."""
    logging.getLogger("volume").critical("crashed: %s", error, exc_info=(kind, error, traceback))


def configure(level: str, style: str) -> None:
    """Log to standard error; ``style`` is ``text`` or ``json``."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if style == "json" else _Text())
    if style == "json":
        sys.excepthook = _log_crash
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for program in ("syncer", "indexer", "volume"):
        logging.getLogger(program).setLevel(level.upper())
