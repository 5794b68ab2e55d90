"""Writes ``.env.example``, ``config/mirror.toml.example`` and ``docs/configuration.md``.

From the settings' own definitions, so that they can't disagree:

    python -m docs.generate

A test fails when the files and the definitions disagree.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from pathlib import Path

from docs.deployment import DEPLOYMENT
from indexer.base.settings import Settings as IndexerSettings
from syncer.settings.policy import ChannelPolicy, Policy
from syncer.settings.settings import DEFAULT_INCLUDE
from syncer.settings.settings import Settings as SyncerSettings
from volume.program.parsers import NamedLists, Words
from volume.program.settings import Definition, definitions

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
    first = [
        "What to mirror",
        "Policy",
        "Installers",
        "Upstream",
        "When",
        "Deployment",
        "Network",
        "Limits",
        "Index",
    ]
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


def mirror_toml_example() -> str:
    """The text of ``config/mirror.toml.example``."""
    lines = [
        "# Policies of single channels, and environments. Copy this file to config/mirror.toml and",
        "# change what you need; `docker compose run --rm syncer --once --dry-run` shows what it",
        "# means before a byte is fetched. docs/selection.md explains each with an example.",
        "#",
        "# What stands before the first [section] holds for all channels and goes before .env.",
        "# Each setting in the form that it takes in this file, with its default:",
    ]
    for definition in definitions(Policy):
        lines += ["", *(f"# {line}" for line in textwrap.wrap(definition.description, 97))]
        lines.append(f"#{definition.name.lower()} = {_toml(definition)}")
    lines += [
        "",
        "# ---- One channel: the same settings, and upstreams ".ljust(100, "-"),
        "",
        "#[channels.conda-forge]",
        '#include = ["numpy >=1.26", "scipy", "lib*"]',
        "#newest_versions = 3",
        "#cooldown_days = 7",
        '#cooldown_exempt = ["openssl", "ca-certificates"]',
        "",
        '#[channels."pkgs/main"]',
        '#subdirs = ["win-64"]',
        "",
        "#[channels.team]",
        '#upstreams = ["https://artifacts.example.com/conda/team"]',
        "",
        "# ---- An environment: what must be installable from these channels together ".ljust(
            100, "-"
        ),
        "",
        "#[environments.ml]",
        '#channels = ["conda-forge", "bioconda"]      # the first has priority',
        '#specs = ["python 3.12.*", "numpy", "pytorch-cpu"]',
        '#spec_files = ["ml/environment.yml", "ml/pixi.lock"]',
    ]
    return "\n".join(lines) + "\n"


def _toml(definition: Definition) -> str:
    """A definition's default as a TOML value."""
    value = definition.parse(definition.default)
    if isinstance(definition.parse, NamedLists):
        return "{ }"
    if isinstance(definition.parse, Words):
        return "[" + ", ".join(f'"{item}"' for item in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"'
    return f"{value:g}" if isinstance(value, float) else str(value) if value is not None else '""'


def configuration() -> str:
    """The text of ``docs/configuration.md``."""
    lines = [
        "# Configuration",
        "",
        "<!-- Written by `python -m docs.generate` from the settings' own definitions. -->",
        "",
        "Settings are environment variables; with Compose they go into `.env`"
        " (`cp .env.example .env`). Values need no quotes there, not even with blanks in them or"
        ' brackets with quotes: `SPECS=python=3.12 numpy[when="python>=3.10"]`; ` #` begins a'
        " comment. An empty value means the default. All problems are reported"
        " together, and a name that looks misspelt is an error. `docker compose run --rm syncer"
        " config` prints what is in force.",
        "",
        "Settings marked * may also stand in `config/mirror.toml`, in small letters, for all"
        " channels or below `[channels.NAME]` for one: `newest_versions = 3`. There a list is"
        ' written as one: `include = ["numpy >=1.26", "lib*"]`. `config/mirror.toml.example` has'
        " them all, [selection.md](selection.md) explains them.",
    ]
    policy = {definition.name for definition in definitions(Policy)}
    section = ""
    for definition in every_definition():
        if definition.section != section:
            section = definition.section
            lines += ["", f"## {section}", "", "| setting | default | meaning |", "|---|---|---|"]
        names = ", ".join(f"`{name}`" for name in (definition.name, *definition.aliases))
        default = f"`{definition.default}`" if definition.default else "empty"
        mark = "*" if definition.name in policy else ""
        lines.append(f"| {names}{mark} | {default} | {definition.description} |")
    upstreams = next(one for one in definitions(ChannelPolicy) if one.name == "UPSTREAMS")
    lines += [
        "",
        "## Only in mirror.toml",
        "",
        f"`upstreams`, below `[channels.NAME]`: {upstreams.description}",
        "",
        "`[environments.NAME]` takes `channels`, `subdirs`, `specs`, `spec_files` and `solve`.",
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
    (REPOSITORY / "config" / "mirror.toml.example").write_text(mirror_toml_example())
    (REPOSITORY / "docs" / "configuration.md").write_text(configuration())


if __name__ == "__main__":
    main()
