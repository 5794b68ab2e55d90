"""Mutations of documents: by bytes, and by values where a document is JSON."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Sequence
from typing import Any

ODD: tuple[Any, ...] = (
    None, True, -1, 0, 2**63, 2**64, 10**400, 1e308, "", "\x00", "../..", "a" * 300, "\u202e",
    "\ud800", [], {}, [[]], {"": {}}, [None] * 5,
)  # fmt: skip
JSON_TOKENS = (
    b"{", b"}", b"[", b"]", b'"', b",", b":", b"null", b"\xff", b"\\u0000", b"[" * 500, b"1e999",
)  # fmt: skip
HTML_TOKENS = (
    b"<table>", b"</table>", b"<tr>", b"</tr>", b"<td>", b"</td>", b"<th>", b'<a href="', b"<!--",
    b"-->", b"\x00", b"\xff", b"&#0;", b"&#xd800;", b"&nbsp;", b"../", b"%2e%2e%2f", b"%00", b".sh",
    b"<table>" * 300, b"0" * 64, b"f" * 32, b"9" * 400 + b"M", b"<![CDATA[", b"<?xml",
    b"9999-12-31 23:59:59", b"0001-01-01", b"<script>", b"<td colspan=4>",
)  # fmt: skip


def mutate_bytes(data: bytes, rng: random.Random, tokens: Sequence[bytes]) -> bytes:
    """Cut, repeat, overwrite or insert something somewhere."""
    body = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(body) + 1)
        kind = rng.randrange(4)
        if kind == 0:
            del body[at : at + rng.randint(1, 20)]
        elif kind == 1:
            body[at:at] = body[at : at + rng.randint(1, 40)]
        elif kind == 2 and at < len(body):
            body[at] = rng.randrange(256)
        else:
            body[at:at] = rng.choice(tokens)
    return bytes(body)


def mutate_values(
    data: bytes, rng: random.Random, tokens: Sequence[bytes], names: Sequence[str]
) -> bytes:
    """Exchange a value somewhere in a JSON tree for an odd one.

    Args:
        names: keys that such a document may have.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return mutate_bytes(data, rng, tokens)
    node = document
    while isinstance(node, dict) and node:
        key = rng.choice(list(node))
        if not isinstance(node[key], dict) or not node[key] or rng.random() < 0.2:
            at = rng.choice((key, str(rng.choice(ODD)), rng.choice(names)))
            node[at] = copy.deepcopy(rng.choice((rng.choice(ODD), node[key])))
            break
        node = node[key]
    return json.dumps(document).encode()
