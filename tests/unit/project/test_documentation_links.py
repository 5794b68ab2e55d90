"""What the documents name exists: files, headings, commands with their options, settings."""

from __future__ import annotations

import argparse
import importlib.util
import re
import shlex
from collections.abc import Iterator

import pytest

from docs.generate import REPOSITORY, every_definition
from indexer.ops.cli import _parser as indexer_parser
from syncer.ops.arguments import _parser as syncer_parser
from syncer.ops.arguments import parse as parse_syncer
from tests.support.documents import Document, documents

DOCUMENTS = documents()
IDS = [document.name for document in DOCUMENTS]
each = pytest.mark.parametrize("document", DOCUMENTS, ids=IDS)

# `docker compose run --rm [OPTIONS] syncer ...`, `python -m syncer ...`, or `syncer ...` by itself.
COMMAND = re.compile(
    r"(?:.*\brun --rm(?: -v \S+)* |.*\bpython -m |)(syncer|indexer)((?: [^|;&>]+)?)"
)
SETTING = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")
# Names in capitals that are not ours: other programs' variables, constants, parts of paths.
FOREIGN = {"EADDRINUSE", "SSL_CERT_FILE"}
PLACEHOLDERS = {"N", "TIME", "NAME", "MIRROR", "DISK", "ISOLATED", "CHANNEL", "X", "A", "B"}


def commands(document: Document) -> Iterator[tuple[str, list[str]]]:
    for line in document.code:
        found = COMMAND.fullmatch(line)
        if found:
            yield found[1], [word for word in shlex.split(found[2]) if word != "..."]


def children(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    (action,) = (one for one in parser._actions if isinstance(one, argparse._SubParsersAction))
    return dict(action.choices)


def options(parser: argparse.ArgumentParser) -> set[str]:
    parts = (parser, *children(parser).values())
    return {option for part in parts for option in part._option_string_actions}


NAMES = {"syncer": children(syncer_parser()), "indexer": children(indexer_parser())}


@each
def test_links_lead_somewhere(document: Document) -> None:
    for link in document.links:
        target, _, anchor = link.partition("#")
        if target.startswith(("http://", "https://")):
            continue
        path = (document.path.parent / target).resolve() if target else document.path
        assert path.exists(), f"{document.name} links to {link}: there is no such file"
        assert not anchor or anchor in Document(path).anchors, f"{link}: no such heading"


@each
def test_commands_are_understood(document: Document) -> None:
    for program, words in commands(document):
        if len(words) == 1 and words[0] in NAMES[program]:
            continue  # a command is spoken of
        try:
            if program == "syncer":
                parse_syncer(words)
            else:
                indexer_parser().parse_args(words)
        except SystemExit as end:
            assert end.code == 0, f"{document.name}: {program} {' '.join(words)}"


@each
def test_options_exist(document: Document) -> None:
    ours = options(syncer_parser()) | options(indexer_parser())
    others = "".join(
        path.read_text()
        for folder in ("benchmarks", "indexer/site")
        for path in (REPOSITORY / folder).rglob("*")
        if path.suffix in {".py", ".sh", ".j2", ".txt", ".html"}
    )
    for span in re.findall(r"`(--[a-z-]+)[^`]*`", document.prose):
        assert span in ours or span in others or span in {"--cacert"}, f"{document.name}: {span}"


@each
def test_files_and_modules_exist(document: Document) -> None:
    for line in document.code:
        for path in re.findall(r"(?<![\w/.])(?:tests|benchmarks|docs|nginx)/[\w./-]*\w", line):
            assert (REPOSITORY / path).exists(), f"{document.name}: {path}"
        for module in re.findall(r"python -m ([\w.]+)", line):
            assert importlib.util.find_spec(module), f"{document.name}: {module}"


@each
def test_settings_are_known(document: Document) -> None:
    known = {
        name for definition in every_definition() for name in (definition.name, *definition.aliases)
    }
    for line in document.code:
        for name in SETTING.findall(line):
            if name not in FOREIGN:
                assert name in known, f"{document.name}: {name} is not a setting"
        given = re.match(r"([A-Z]{3,})=", line)
        if given and given[1] not in PLACEHOLDERS:
            assert given[1] in known, f"{document.name}: {given[1]} is not a setting"


def test_every_page_can_be_reached_from_the_readme() -> None:
    readme = next(document for document in DOCUMENTS if document.name == "README.md")
    linked = {link.partition("#")[0] for link in readme.links}
    pages = {one.name for one in DOCUMENTS if one.name.startswith("docs/")}
    assert pages <= linked


def test_the_reader_finds_what_is_to_be_checked() -> None:
    """Else everything would pass."""
    every = [command for document in DOCUMENTS for command in commands(document)]
    assert len(every) > 60
    assert ("syncer", ["--once", "--dry-run"]) in every
    assert ("indexer", ["rollback", "conda-forge", "--release"]) in every
    assert sum(len(document.links) for document in DOCUMENTS) > 50
    with pytest.raises(SystemExit):
        parse_syncer(["explain"])
