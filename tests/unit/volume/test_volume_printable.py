"""Nothing that is shown is obeyed by a terminal, or looks like a line of somebody else."""

import logging
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volume.program import log
from volume.program.printable import printable, printable_lines

# Cc: controls; Cs: halves of pairs; Zl, Zp: separators of lines. Directions are Cf.
HARMFUL = {"Cc", "Cs", "Zl", "Zp"}
DIRECTIONS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}

any_text = st.text(st.characters(exclude_categories=()))


def is_harmless(text: str) -> bool:
    return not any(
        unicodedata.category(one) in HARMFUL or unicodedata.bidirectional(one) in DIRECTIONS
        for one in text
    )


@given(any_text)
def test_a_line_is_one_line_and_harmless(text: str) -> None:
    shown = printable(text)
    assert is_harmless(shown)
    assert shown.splitlines() in ([], [shown])
    assert shown.encode().decode() == shown  # and it can be written
    if is_harmless(text):
        assert len(shown) == len(text) or "\u061c" in text or {"\u200e", "\u200f"} & set(text)


@given(any_text)
def test_lines_stay_lines(text: str) -> None:
    shown = printable_lines(text)
    assert shown.count("\n") == text.count("\n")
    assert is_harmless(shown.replace("\n", ""))


@given(any_text)
def test_a_line_of_the_log_is_of_one_event(text: str) -> None:
    record = logging.LogRecord("syncer.x", logging.INFO, "", 0, "%s", (text,), None)
    first, *others = log.text_of(record).split("\n")
    assert first.startswith("20")
    assert all(line.startswith("    ") for line in others)


def test_the_name_of_a_file_is_shown_and_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    log.complain("syncer", "a\x1b[2Jb\ttab", "text")
    assert capsys.readouterr().err == "syncer: a\\x1b[2Jb\\ttab\n"
