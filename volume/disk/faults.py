"""Numbered fault points: where a test may stop a program, before and after each mutation.

In production no plan is installed and ``point`` costs one comparison. A plan is installed by the
test that starts the program (``tests/support/mirror/crash.py``); no setting does it.
"""

from __future__ import annotations

from collections.abc import Callable

Plan = Callable[[str, str], None]

_plan: Plan | None = None


def install(plan: Plan | None) -> None:
    """Call ``plan(moment, operation)`` at every fault point; moment is ``before`` or ``after``."""
    global _plan  # noqa: PLW0603 - one process, one plan; anything else would burden every caller
    _plan = plan


def point(moment: str, operation: str) -> None:
    """Announce that ``operation`` is about to happen, or has just happened."""
    if _plan is not None:
        _plan(moment, operation)
