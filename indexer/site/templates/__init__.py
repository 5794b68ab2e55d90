"""The page's templates, and the filters that they use.

Guaranteed: every value is escaped, as Jinja2 escapes all that comes from outside a template; a name
that no one defined is an error and not a blank. Templates put values between tags and into quoted
attributes only, never into a script, a style or the beginning of a URL.
"""

from __future__ import annotations

import functools
from datetime import UTC, datetime

from jinja2 import Environment, PackageLoader, StrictUndefined

from volume.program.sizes import amount

_NO_BREAK = "\u00a0"


def render(name: str, **values: object) -> str:
    """The text that a template makes of these values."""
    return _environment().get_template(name).render(values)


@functools.cache
def _environment() -> Environment:
    package, _, folder = __name__.rpartition(".")
    environment = Environment(
        loader=PackageLoader(package, folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": count,
        "duration": duration,
        "grouped": "{:,}".format,
        "size": size,
        "utc": utc,
    }
    return environment


def utc(seconds: float) -> datetime | None:
    """Seconds since the epoch as a date; None for what is none."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def size(value: float) -> str:
    """Bytes for people, in one piece."""
    return amount(value).replace(" ", _NO_BREAK)


def count(number: int, word: str) -> str:
    """``1 package``, ``1,200 packages``."""
    return f"{number:,} {word if number == 1 else word + 's'}"


def duration(seconds: float) -> str:
    """``45 s``, ``3 min``, ``2 h 5 min``, ``3 days``."""
    whole = max(round(seconds), 0)
    if whole < 90:
        return f"{whole} s"
    minutes = round(whole / 60)
    if minutes < 90:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"
    return f"{round(minutes / 1440)} days"
