"""Writes ``.env.example`` and ``docs/configuration.md`` from the settings' own definitions.

    python -m docs.generate

A test fails when the files and the definitions disagree.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from pathlib import Path

from docs.deployment import DEPLOYMENT
from indexer.settings import Settings as IndexerSettings
from syncer.settings import DEFAULT_INCLUDE
from syncer.settings import Settings as SyncerSettings
from volume.settings import Definition, definitions

REPOSITORY = Path(__file__).resolve().parents[1]
_INSIDE = "Without containers"  # fixed inside the images


def every_definition() -> list[Definition]:
    """All settings, each once, in the order in which people change them."""
    found: dict[str, Definition] = {}
    for definition in (
        *definitions(SyncerSettings),
        *definitions(IndexerSettings),
        *DEPLOYMENT,
    ):
        found.setdefault(definition.name, definition)
    sections = list(dict.fromkeys(definition.section for definition in found.values()))
    first = ["What to mirror", "Upstream", "When", "Deployment", "Network", "Limits", "Index"]
    ordered = first + [section for section in sections if section not in first]
    return sorted(found.values(), key=lambda definition: ordered.index(definition.section))


def env_example() -> str:
    """The text of ``.env.example``."""
    lines = [
        "# Settings of the mirror. Copy this file to .env and change what you need; a line that is",
        "# commented out shows the default. `docker compose run --rm syncer config` prints what is",
        "# in force. Lists are separated by blanks.",
        "",
        "# What this mirror's ancestors mirrored; README.md says what is known of the terms:",
        "#CHANNELS=pkgs/main pkgs/free",
        "#SUBDIRS=linux-64 win-64",
        "#ANACONDA_TERMS_ACCEPTED=yes",
    ]
    section = ""
    for definition in every_definition():
        if definition.section == _INSIDE:
            continue
        if definition.section != section:
            section = definition.section
            lines += ["", f"# ---- {section} ".ljust(100, "-")]
        lines.append("")
        lines += [f"# {line}" for line in textwrap.wrap(definition.description, 97)]
        lines.append(f"#{definition.name}={definition.default}")
    return "\n".join(lines) + "\n"


def configuration() -> str:
    """The text of ``docs/configuration.md``."""
    lines = [
        "# Configuration",
        "",
        "<!-- Written by `python -m docs.generate` from the settings' own definitions. -->",
        "",
        "Settings are environment variables; with Compose they go into `.env`"
        " (`cp .env.example .env`). An empty value means the default. All problems are reported"
        " together, and a name that looks misspelt is an error. `docker compose run --rm syncer"
        " config` prints what is in force.",
    ]
    section = ""
    for definition in every_definition():
        if definition.section != section:
            section = definition.section
            lines += ["", f"## {section}", "", "| setting | default | meaning |", "|---|---|---|"]
        names = ", ".join(f"`{name}`" for name in (definition.name, *definition.aliases))
        default = f"`{definition.default}`" if definition.default else "empty"
        lines.append(f"| {names} | {default} | {definition.description} |")
    lines += [
        "",
        "The default selection, in force when neither `CHANNELS` nor `INCLUDE` is set:",
        "",
        *_wrapped(DEFAULT_INCLUDE.split()),
    ]
    return "\n".join(lines) + "\n"


def _wrapped(words: Iterable[str]) -> list[str]:
    return [f"    {line}" for line in textwrap.wrap(" ".join(words), 95)]


def main() -> None:
    (REPOSITORY / ".env.example").write_text(env_example())
    (REPOSITORY / "docs" / "configuration.md").write_text(configuration())


if __name__ == "__main__":
    main()
