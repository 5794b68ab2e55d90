"""The site's own files: style, scripts and the set-up script, and how they are named when served.

A served name holds a hash of the content, so that it can be kept by browsers for ever and a page
gets exactly the style and the script that it was written for.
"""

from __future__ import annotations

import functools
from importlib import resources

from indexer.site.search.buckets import short_digest

_SCRIPTS = ("freshness.js", "live.js", "package.js", "search.js")


def text(name: str) -> str:
    """One of the files."""
    return resources.files(__name__).joinpath(name).read_text(encoding="utf-8")


@functools.cache
def versioned() -> dict[str, bytes]:
    """What a page needs, by name."""
    return {style_name(): _style(), script_name(): _script()}


@functools.cache
def style_name() -> str:
    return f"page-{short_digest(_style())}.css"


@functools.cache
def script_name() -> str:
    return f"page-{short_digest(_script())}.js"


@functools.cache
def _style() -> bytes:
    return text("page.css").encode()


@functools.cache
def _script() -> bytes:
    return "\n".join(text(name) for name in _SCRIPTS).encode()
