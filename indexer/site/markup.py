"""Small pieces of HTML. Every text that comes from elsewhere is escaped here. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape

from volume.program.sizes import amount as _amount


def text(value: str) -> str:
    """Any text, safe between tags and in quoted attributes."""
    return escape(value)


def code(value: str) -> str:
    return f"<code>{escape(value)}</code>"


def command(value: str) -> str:
    """Something to copy; the page's script adds the button."""
    return f'<pre class="command"><code>{escape(value)}</code></pre>'


def moment(seconds: float) -> str:
    """A time; the page's script makes `2 h ago` of it."""
    try:
        found = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return "an unknown time"
    shown = found.strftime("%Y-%m-%d %H:%M UTC")
    return f'<time datetime="{found.strftime("%Y-%m-%dT%H:%M:%SZ")}">{shown}</time>'


def size(value: float) -> str:
    """Bytes for people, in one piece."""
    return _amount(value).replace(" ", "&nbsp;")


def count(number: int, word: str, plural: str = "") -> str:
    """``1 package``, ``1,200 packages``."""
    return f"{number:,} {word if number == 1 else plural or word + 's'}"


def items(rows: Iterable[str], kind: str = "") -> str:
    """A list of pieces that are HTML already; nothing of nothing."""
    inner = "".join(f"<li>{row}</li>" for row in rows)
    return f'<ul class="{kind}">{inner}</ul>' if inner else ""


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
