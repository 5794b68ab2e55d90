"""Of the variants of an index the freshest that can be had is read, whatever the others are."""

from __future__ import annotations

import bz2
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import cast

import pytest
import zstandard

from syncer.errors import HttpStatusError, UpstreamError
from syncer.transport.document import Document, Validators
from syncer.transport.fetch import Fetch
from syncer.upstream.cache import Cache
from syncer.upstream.fetched import Fetched
from syncer.upstream.monolithic import VARIANTS, Monolithic

BASE = "https://upstream.invalid/c"
DAY = 86_400.0
TODAY = 1_790_000_000.0

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "repodata.json.zst": zstandard.ZstdCompressor().compress,
    "repodata.json": bytes,
    "repodata.json.bz2": bz2.compress,
}
ODD = {
    "empty": b"",
    "list": b"[]",
    "null": b"null",
    "page": b"<!DOCTYPE html><title>log in</title>",
    "object": b"{}",
}
KINDS: tuple[str | int, ...] = ("fresh", "stale", 404, 403, 401, 405, 500, 501, *ODD)


def index_of(*names: str) -> bytes:
    records = {f"{name}-1-0.conda": {"timestamp": 1000 + len(name)} for name in names}
    return json.dumps({"packages.conda": records, "info": {}, "removed": []}).encode()


FRESH, STALE = index_of("a", "new"), index_of("a")


@dataclass
class Upstream:
    """Answers by variant: with a status, or with contents and a date."""

    answers: dict[str, str | int]
    asked: list[str] = field(default_factory=list)
    fresh: bytes = FRESH
    dates: dict[str, float] = field(
        default_factory=lambda: {"fresh": TODAY, "stale": TODAY - 30 * DAY}
    )

    def document(self, url: str, validators: Validators, *, limit: int) -> Document | None:
        variant = url.rpartition("/")[2]
        self.asked.append(f"GET {variant}")
        kind = self._kind(url)
        content = {"fresh": self.fresh, "stale": STALE, **ODD}[kind]
        found = Validators(f'"{hash(content)}"', self._date(kind))
        if found.etag == validators.etag:
            return None
        raw = kind in {"empty", "page"}
        return Document(url, content if raw else COMPRESS[variant](content), found)

    def head(self, url: str) -> Validators:
        self.asked.append(f"HEAD {url.rpartition('/')[2]}")
        return Validators(last_modified=self._date(self._kind(url)))

    def _kind(self, url: str) -> str:
        kind = self.answers[url.rpartition("/")[2]]
        if isinstance(kind, int):
            raise HttpStatusError(url, kind, "it wants credentials" if kind == 401 else "")
        return kind

    def _date(self, kind: str) -> str:
        return formatdate(self.dates.get(kind, TODAY), usegmt=True)


def reading(upstream: Upstream, folder: Path, said: list[str], *, now: float = TODAY) -> Monolithic:
    return Monolithic(cast(Fetch, upstream), Cache(folder), said.append, now=lambda: now)


def names(found: Fetched | None) -> set[str]:
    assert found is not None and found.index is not None
    return {entry.name.name for entry in found.index.entries}


@pytest.mark.parametrize("first", KINDS)
def test_whatever_the_variants_are_the_freshest_good_one_is_read(
    first: str | int, tmp_path: Path
) -> None:
    for number, kinds in enumerate(itertools.product(KINDS, repeat=2)):
        answers: dict[str, str | int] = dict(zip(VARIANTS, (first, *kinds), strict=True))
        upstream, said = Upstream(answers), list[str]()
        monolithic = reading(upstream, tmp_path / str(number), said)
        present = set(answers.values())
        if present <= {404, 403}:
            assert monolithic.fetch(BASE, "noarch") is None, answers
        elif not present & {"fresh", "stale", "object"}:
            with pytest.raises(UpstreamError):
                monolithic.fetch(BASE, "noarch")
        else:
            found = monolithic.fetch(BASE, "noarch")
            wanted = {"a", "new"} if "fresh" in present else {"a"} if "stale" in present else set()
            assert names(found) == wanted, answers
            assert found is not None
            before = VARIANTS[: VARIANTS.index(found.name)]
            refused = [
                one
                for one in before
                if answers[one] not in {*["fresh", "stale"], "object", 404, 403}
            ]
            for one in refused:
                assert any(one in text for text in said), (answers, said)


@pytest.mark.parametrize("stale", VARIANTS)
def test_a_stale_variant_that_is_remembered_is_left_for_a_fresh_one(
    stale: str, tmp_path: Path
) -> None:
    cache, said = Cache(tmp_path), list[str]()
    alone = Upstream({variant: "stale" if variant == stale else 404 for variant in VARIANTS})
    found = reading(alone, tmp_path, said).fetch(BASE, "noarch")
    assert found is not None and found.document is not None and said == []
    cache.keep("noarch.index", found.cached, found.document.body)
    both = Upstream({variant: "stale" if variant == stale else "fresh" for variant in VARIANTS})
    later = reading(both, tmp_path, said).fetch(BASE, "noarch")
    assert names(later) == {"a", "new"}
    assert later is not None and later.name == next(one for one in VARIANTS if one != stale)
    assert any(stale in text and "older" in text for text in said)


def test_nothing_new_costs_one_request_and_once_a_day_a_look_at_the_others(tmp_path: Path) -> None:
    upstream, said = Upstream(dict.fromkeys(VARIANTS, "fresh")), list[str]()
    first = reading(upstream, tmp_path, said)
    found = first.fetch(BASE, "noarch")
    assert found is not None and found.document is not None
    Cache(tmp_path).keep("noarch.index", found.cached, found.document.body)
    first.remember_comparisons()

    def asked(now: float) -> list[str]:
        upstream.asked.clear()
        later = reading(upstream, tmp_path, said, now=now)
        assert later.fetch(BASE, "noarch") is not None
        later.remember_comparisons()
        return upstream.asked

    get, *heads = (f"GET {VARIANTS[0]}", *(f"HEAD {one}" for one in VARIANTS[1:]))
    assert asked(TODAY + 60) == [get]
    assert asked(TODAY + DAY) == [get, *heads]
    assert asked(TODAY + DAY + 60) == [get]
    assert asked(TODAY) == [get, *heads]  # a clock that went back is no reason to look never more
    assert said == []


def test_a_later_date_alone_is_not_believed(tmp_path: Path) -> None:
    """Mirrors date their copies as they like: what the index lists has the last word."""
    answers: dict[str, str | int] = dict(zip(VARIANTS, ("fresh", "stale", 404), strict=True))
    said: list[str] = []
    upstream = Upstream(answers, dates={"fresh": TODAY - DAY, "stale": TODAY})
    # Each lists what the other does not, and what only the later one lists is older.
    upstream.fresh = index_of("newest")
    assert names(reading(upstream, tmp_path, said).fetch(BASE, "noarch")) == {"newest"}
    upstream.dates["object"] = TODAY
    answers[VARIANTS[1]] = "object"  # it would be a wipe
    assert names(reading(upstream, tmp_path, said).fetch(BASE, "noarch")) == {"newest"}


def test_variants_of_one_publication_may_differ_by_minutes(tmp_path: Path) -> None:
    answers: dict[str, str | int] = dict(zip(VARIANTS, ("stale", "fresh", 404), strict=True))
    upstream = Upstream(answers, dates={"stale": TODAY - 600, "fresh": TODAY})
    assert names(reading(upstream, tmp_path, []).fetch(BASE, "noarch")) == {"a"}
    assert f"GET {VARIANTS[1]}" not in upstream.asked


def test_a_plain_index_is_left_for_a_small_one_that_is_as_fresh(tmp_path: Path) -> None:
    cache, said = Cache(tmp_path), list[str]()
    plain = Upstream({VARIANTS[0]: 404, VARIANTS[1]: "stale", VARIANTS[2]: 404})
    found = reading(plain, tmp_path, said).fetch(BASE, "noarch")
    assert found is not None and found.document is not None
    cache.keep("noarch.index", found.cached, found.document.body)
    now = Upstream({VARIANTS[0]: "fresh", VARIANTS[1]: "fresh", VARIANTS[2]: 404})
    later = reading(now, tmp_path, said).fetch(BASE, "noarch")
    assert later is not None and later.name == VARIANTS[0] and names(later) == {"a", "new"}
    assert said == []
