"""One result of a look: what was looked at, the fact, and the next step. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

OK, WARNING, FAILED, SKIPPED = "ok", "warning", "failed", "skipped"
_SHOWN = {OK: "ok      ", WARNING: "warning ", FAILED: "FAILED  ", SKIPPED: "skipped "}


@dataclass(frozen=True, slots=True)
class Finding:
    """``subject`` is what was looked at; ``step`` is what to do, empty if nothing is."""

    state: str
    subject: str
    fact: str
    step: str = ""

    @property
    def line(self) -> str:
        """For people."""
        text = f"{_SHOWN[self.state]} {self.subject}: {self.fact}"
        return f"{text}\n          -> {self.step}" if self.step else text


def ok(subject: str, fact: str) -> Finding:
    """All is well."""
    return Finding(OK, subject, fact)


def warning(subject: str, fact: str, step: str) -> Finding:
    """It works, and may not for long, or not as meant."""
    return Finding(WARNING, subject, fact, step)


def failed(subject: str, fact: str, step: str) -> Finding:
    """It does not work."""
    return Finding(FAILED, subject, fact, step)


def skipped(subject: str, fact: str) -> Finding:
    """It could not be looked at, because of something else."""
    return Finding(SKIPPED, subject, fact)


def summary(findings: Sequence[Finding]) -> str:
    """The last line, for people."""
    count = {state: sum(one.state == state for one in findings) for state in _SHOWN}
    text = f"{count[OK]} ok, {count[WARNING]} warnings, {count[FAILED]} failed"
    return text + (f", {count[SKIPPED]} skipped" if count[SKIPPED] else "")
