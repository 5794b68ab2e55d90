"""Why an artifact is here, or is not."""

from syncer.conda.repodata import Index, Refused
from syncer.planning.selection.explain import explain, lines
from syncer.planning.selection.select import Selector
from tests.support.upstream.candidates import candidate
from tests.unit.planning.test_selection_select import DAY, NOW, indexes, known, policy

SHA256 = "11" * 32
RECORDS = [
    candidate("numpy-1.9-0", sha256=SHA256),
    candidate("numpy-1.26-0", sha256=SHA256),
    candidate("numpy-1.26-1", build_number=1, sha256=SHA256),
    candidate("numpy-2.0-0", sha256=SHA256),
    candidate("numpy-2.1-0", timestamp=int(NOW - DAY), sha256=SHA256),
    candidate("numpy-2.2-0", timestamp=int(NOW - DAY), sha256=SHA256),
    candidate("scipy-1-0", sha256=SHA256),
]
WORDS = {"exclude": "numpy=1.26=0", "newest_versions": "2", "cooldown_days": "3", "keep": "numpy<1"}
PRESENT = {"linux-64": {"numpy-2.2-0.conda": known(), "numpy-0.5-0.conda": known()}}


def told(asked: str) -> list[str]:
    listed = indexes(
        [
            RECORDS[-1],
            *RECORDS[:5],
            candidate("numpy-2.2-0", timestamp=int(NOW - DAY), sha256="00" * 32),
        ]
    )
    index = listed["linux-64"]
    listed["linux-64"] = Index(
        "linux-64", index.entries, (Refused("numpy-3.0-0.conda", "it is malformed"),), {}, None
    )
    selector = Selector(policy(**WORDS), "conda-forge", listed, now=NOW, present=PRESENT)
    return list(lines(explain(asked, "conda-forge", listed, selector.select())))


def test_each_artifact_of_a_name_is_explained_newest_first() -> None:
    where = "conda-forge/linux-64/numpy-"
    assert told("numpy") == [
        f"{where}2.2-0.conda: wanted: everything is included; it is here, what upstream has"
        " instead is held",
        "    upstream's new content is held until 2027-01-17",
        f"{where}2.1-0.conda: left out, in its cooldown: cooldown_days = 3: it is held until"
        " 2027-01-17",
        f"{where}2.0-0.conda: wanted: everything is included",
        f"{where}1.26-1.conda: left out, an older version: newest_versions = 2: 2.2, 2.0",
        f"{where}1.26-0.conda: left out, excluded: exclude = numpy=1.26=0",
        f"{where}1.9-0.conda: left out, an older version: newest_versions = 2: 2.2, 2.0",
        f"{where}0.5-0.conda: wanted: kept: keep = numpy<1; upstream does not list it",
        f"{where}3.0-0.conda: left out, refused: it is malformed",
    ]


def test_a_match_spec_narrows_it() -> None:
    assert told("numpy >=1.26,<2.1")[0].startswith("conda-forge/linux-64/numpy-2.0-0.conda")
    assert len(told("numpy >=1.26,<2.1")) == 3


def test_what_matches_nothing_gets_a_hint() -> None:
    assert told("numpyy") == ["conda-forge: nothing matches numpyy; did you mean numpy?"]
    assert told("numpy >=9") == [
        "conda-forge: nothing matches numpy >=9; there are other versions or builds of it"
    ]


def test_names_stay_together() -> None:
    listed = [line for line in told("*") if "/" in line and "refused" not in line]
    names = [line.split("/")[2].split("-")[0] for line in listed]
    assert set(names) == {"numpy", "scipy"}
    assert names == sorted(names)
