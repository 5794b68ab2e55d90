"""Metrics in Prometheus' text format 0.0.4, and their form in state documents. Pure.

https://prometheus.io/docs/instrumenting/exposition_formats/: UTF-8 lines, HELP and TYPE once for a
family and before its samples, all samples of a family together. A counter's name ends in _total.

Guaranteed: what ``render`` returns is valid, whatever stands in labels and help texts; two writers
of one name are an error, not two families.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_KINDS = ("counter", "gauge", "histogram", "summary", "untyped")

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Sample:
    """One value; ``suffix`` is what a histogram adds to its family's name, such as _bucket."""

    labels: tuple[tuple[str, str], ...]
    value: float
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Family:
    """All samples of one name. ``kind`` is a word of the format's TYPE line."""

    name: str
    kind: str
    help: str
    samples: tuple[Sample, ...]


def sample(value: float, **labels: str) -> Sample:
    """A sample with these labels."""
    return Sample(tuple(labels.items()), value)


def render(families: Iterable[Family]) -> str:
    """The families as one document; a family without samples is left out.

    Raises:
        ValueError: a name is not one, or is there twice.
    """
    lines: list[str] = []
    seen: set[str] = set()
    for family in families:
        if family.name in seen:
            raise ValueError(f"the metric {family.name} has two writers")
        seen.add(family.name)
        if family.samples:
            lines += _lines(family)
    return "".join(f"{line}\n" for line in lines)


def _lines(family: Family) -> list[str]:
    if not _NAME.fullmatch(family.name) or family.kind not in _KINDS:
        raise ValueError(f"{family.name!r} ({family.kind}) is no metric")
    lines = [
        f"# HELP {family.name} {_escape(family.help)}",
        f"# TYPE {family.name} {family.kind}",
    ]
    for one in family.samples:
        labels = ",".join(f"{_label(name)}={_quoted(value)}" for name, value in one.labels)
        shown = f"{{{labels}}}" if labels else ""
        lines.append(f"{family.name}{one.suffix}{shown} {_number(one.value)}")
    return lines


def _label(name: str) -> str:
    if not _LABEL.fullmatch(name):
        raise ValueError(f"{name!r} is no label")
    return name


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _quoted(text: str) -> str:
    # A lone surrogate is what Python makes of a filename that is not UTF-8; the format is UTF-8.
    clean = _escape(text).replace('"', '\\"').encode(errors="replace").decode()
    return f'"{clean}"'


def _number(value: float) -> str:
    if isinstance(value, float):
        if math.isnan(value):
            return "NaN"
        if math.isinf(value):
            return "+Inf" if value > 0 else "-Inf"
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    return str(int(value))


def plain(families: Iterable[Family]) -> list[dict[str, Any]]:
    """The families as plain data, for a state document."""
    return [
        {
            "name": family.name,
            "kind": family.kind,
            "help": family.help,
            "samples": [
                {
                    "labels": dict(one.labels),
                    "value": _plain_number(one.value),
                    "suffix": one.suffix,
                }
                for one in family.samples
            ],
        }
        for family in families
    ]


def _plain_number(value: float) -> float | str:
    return value if math.isfinite(value) else _number(value)


def families_of(data: Sequence[Mapping[str, Any]]) -> list[Family]:
    """What ``plain`` made.

    Raises:
        ValueError: it can't be understood.
    """
    try:
        return [
            Family(
                name=str(family["name"]),
                kind=str(family["kind"]),
                help=str(family["help"]),
                samples=tuple(
                    Sample(
                        tuple((str(name), str(text)) for name, text in one["labels"].items()),
                        float(one["value"]),
                        str(one["suffix"]),
                    )
                    for one in family["samples"]
                ),
            )
            for family in data
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no metrics: {error!r}") from error
