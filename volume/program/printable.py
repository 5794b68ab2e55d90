"""Text that is safe to show on a terminal and in a log, whoever wrote it. Pure.

Names and messages come from upstreams and from folders: an escape sequence among them would colour,
clear or retitle a terminal, a newline would forge a line of the log, and a mark that turns the
direction of writing would show another name than the one that is meant.
"""

from __future__ import annotations

import re

# C0, DEL and C1, line and paragraph separators, directions, and halves of surrogate pairs.
_HARMFUL = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_HARMFUL_IN_LINES = re.compile(f"(?!\n){_HARMFUL.pattern}")


def printable(text: str) -> str:
    r"""One line: ``\x1b`` and the like are written out, newlines too."""
    return _HARMFUL.sub(_written_out, text)


def printable_lines(text: str) -> str:
    """Several lines; what is harmful within them is written out."""
    return _HARMFUL_IN_LINES.sub(_written_out, text)


def _written_out(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape", "backslashreplace").decode("ascii")
