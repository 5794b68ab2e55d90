"""Metrics in the text format, read back by Prometheus' own parser."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from volume.program.exposition import Family, Sample, families_of, plain, render, sample


def test_a_document_has_help_and_type_once_and_its_samples_together() -> None:
    text = render(
        [
            Family("m_total", "counter", "Counts.", (sample(3, a="x"), sample(0.5, a="y"))),
            Family("empty", "gauge", "Nothing.", ()),
            Family("g", "gauge", "A \\ and\na line.", (sample(True),)),
        ]
    )
    assert text == (
        "# HELP m_total Counts.\n# TYPE m_total counter\n"
        'm_total{a="x"} 3\nm_total{a="y"} 0.5\n'
        "# HELP g A \\\\ and\\na line.\n# TYPE g gauge\ng 1\n"
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [(math.inf, "+Inf"), (-math.inf, "-Inf"), (math.nan, "NaN"), (1e20, "1e+20"), (2.0, "2")],
)
def test_numbers_are_written_as_prometheus_reads_them(value: float, shown: str) -> None:
    assert render([Family("g", "gauge", "", (sample(value),))]).endswith(f"g {shown}\n")


@given(
    st.dictionaries(st.from_regex(r"[a-z_][a-z0-9][a-z0-9_]{0,7}", fullmatch=True), st.text()),
    st.text(),
)
def test_whatever_stands_in_labels_is_read_back(labels: dict[str, str], text: str) -> None:
    family = Family("g", "gauge", text, (Sample(tuple(labels.items()), 1.5),))
    (found,) = text_string_to_metric_families(render([family]))
    (one,) = found.samples
    assert (one.labels, one.value) == (labels, 1.5)


def test_a_filename_that_is_not_utf_8_does_no_harm() -> None:
    assert 'a="caf?"' in render([Family("g", "gauge", "", (sample(1, a="caf\udce9"),))])


def test_two_writers_of_one_name_are_an_error() -> None:
    family = Family("g", "gauge", "", (sample(1),))
    with pytest.raises(ValueError, match="the metric g has two writers"):
        render([family, family])


@pytest.mark.parametrize("name", ["", "1a", "a b", "a\n"])
def test_a_name_that_is_none_is_an_error(name: str) -> None:
    with pytest.raises(ValueError, match="no metric"):
        render([Family(name, "gauge", "", (sample(1),))])
    with pytest.raises(ValueError, match="no label"):
        render([Family("g", "gauge", "", (Sample(((name, "x"),), 1),))])


def test_families_survive_a_state_document() -> None:
    families = [
        Family("h", "histogram", "Time.", (Sample((("le", "+Inf"),), 2, "_bucket"), sample(7))),
        Family("g", "gauge", "", (sample(math.inf, a="ü"),)),
    ]
    assert families_of(json.loads(json.dumps(plain(families)))) == families


@pytest.mark.parametrize("data", [[{}], [3], [{"name": "a", "kind": "gauge", "help": ""}]])
def test_what_is_no_document_of_families_is_an_error(data: list[dict[str, object]]) -> None:
    with pytest.raises(ValueError, match="no metrics"):
        families_of(data)
