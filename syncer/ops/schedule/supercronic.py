"""supercronic's own metrics: read on loopback, taken apart, kept for /metrics.

``parse`` is pure. Only supercronic's families are taken, not those of the Go program that it is.
"""

from __future__ import annotations

import http.client
import re
import socket

from volume.errors import MirrorError
from volume.program.exposition import Family, Sample

_OURS = "supercronic_"
_LARGEST = 1 << 20  # bytes
_SECONDS = 5.0
_LINE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:\\.|[^"\\])*)",?')
_ESCAPE = re.compile(r"\\(.)")


class SupercronicError(MirrorError):
    """supercronic's metrics can't be had."""


def free_port() -> int:
    """A port on loopback that is free at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def scrape(port: int) -> list[Family]:
    """What supercronic says now.

    Raises:
        SupercronicError: it does not answer, or not with metrics.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_SECONDS)
    try:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        text = answer.read(_LARGEST).decode()
        if answer.status != 200:
            raise SupercronicError(f"supercronic answered {answer.status} when asked for metrics")
        return parse(text)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise SupercronicError(f"supercronic's metrics can't be read: {error}") from error
    finally:
        connection.close()


def parse(text: str) -> list[Family]:
    """supercronic's families in a document of the text format.

    Raises:
        ValueError: it is not one.
    """
    helps: dict[str, str] = {}
    kinds: dict[str, str] = {}
    samples: dict[str, list[Sample]] = {}
    for line in text.splitlines():
        if line.startswith(("# HELP ", "# TYPE ")):
            _, word, name, rest = f"{line} ".split(" ", 3)
            (helps if word == "HELP" else kinds)[name] = rest.strip()
        elif line.startswith(_OURS):
            name, one = _sample(line, kinds)
            samples.setdefault(name, []).append(one)
    return [
        Family(name, kinds[name], helps.get(name, ""), tuple(found))
        for name, found in samples.items()
    ]


def _sample(line: str, kinds: dict[str, str]) -> tuple[str, Sample]:
    match = _LINE.fullmatch(line)
    if match is None:
        raise ValueError(f"not a line of metrics: {line[:100]!r}")
    full, labels, value = match[1], match[2] or "", float(match[3])
    name = full
    for suffix in ("_bucket", "_sum", "_count"):
        base = full.removesuffix(suffix)
        if base != full and kinds.get(base) in {"histogram", "summary"}:
            name = base
    if name not in kinds or _LABEL.sub("", labels):
        raise ValueError(f"not a line of metrics: {line[:100]!r}")
    pairs = tuple((key, _unescape(text)) for key, text in _LABEL.findall(labels))
    return name, Sample(pairs, value, full.removeprefix(name))


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda match: "\n" if match[1] == "n" else match[1], text)
