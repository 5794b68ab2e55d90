"""The project's documents as a reader takes them: links, headings, and what stands in code.

Covers the Markdown that these documents use: ATX headings, inline links, indented and fenced code,
code spans.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
_FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_INDENTED = re.compile(r"^ {4}\S.*$", re.MULTILINE)


@dataclass(frozen=True)
class Document:
    """One Markdown file."""

    path: Path

    @property
    def name(self) -> str:
        """Its path in the repository."""
        return str(self.path.relative_to(REPOSITORY))

    @cached_property
    def text(self) -> str:
        """All of it."""
        return self.path.read_text()

    @cached_property
    def prose(self) -> str:
        """It without blocks of code."""
        return _INDENTED.sub("", _FENCE.sub("", self.text))

    @property
    def links(self) -> list[str]:
        """Where its links and pictures lead."""
        return re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", self.prose))

    @property
    def anchors(self) -> set[str]:
        """What a link can lead to in it, as GitHub names headings."""
        return {
            re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
            for heading in re.findall(r"^#+ (.*)$", _FENCE.sub("", self.text), re.MULTILINE)
        }

    @property
    def code(self) -> Iterator[str]:
        """Every line of its blocks, without a comment at its end, and every span."""
        for block in _FENCE.findall(self.text):
            yield from (_without_comment(line) for line in block.splitlines()[1:-1])
        for line in _INDENTED.findall(_FENCE.sub("", self.text)):
            yield _without_comment(line.strip())
        for span in re.findall(r"`([^`]+)`", self.prose):
            yield " ".join(span.split())


def _without_comment(line: str) -> str:
    return re.sub(r"\s+#.*$", "", line)


def documents() -> list[Document]:
    """README, changelog and docs/, and what stands beside secrets."""
    paths = [
        *REPOSITORY.glob("*.md"),
        *REPOSITORY.glob("docs/*.md"),
        REPOSITORY / "secrets/README.md",
    ]
    return [Document(path) for path in sorted(paths)]
