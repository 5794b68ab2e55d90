"""Addresses: what of an index clients follow, and what would lead them off this mirror. Pure.

A client makes the address of an artifact, a shard or another channel of what an index says, and
libraries differ in what they take for an absolute one: py-rattler follows ``http:host``,
``\\\\host``, ``%2e%2e/`` and an address with a line end in it (URL standard, tried with 0.28). So
what is looked for is whatever any of them would follow.

What a client follows, by kind:

- ``info`` of repodata, of the shard index and of run_exports, and what stands beside the records:
  ``base_url`` (CEP 15), ``shards_base_url`` (CEP 16) and whatever else is called an address there;
  artifacts, shards and run_exports lie beside the index here, so none is right;
- ``info.channel_relations`` (CEP 42): only ``../`` and names, which stays on this mirror;
- a record's ``url`` (draft CEP 151): right is only the filename, relative to the index.

Not followed by any client, and so as upstream has them: ``message`` of a revision (CEP 48), texts
for people in ``channeldata.json`` (``home``, ``dev_url``, ``doc_url``, ``source_url``, ``icon_url``
and the like, CEP 38) and ``notices.json`` (CEP 6), and ``patch_instructions.json``, which only
indexers read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

RELATIONS = "channel_relations"
SHARDS_OWN = frozenset({"base_url", "shards_base_url"})
"""Addresses that an index of shards must have (CEP 16): empty, as all lies beside it."""

FOR_PEOPLE = frozenset(
    {
        "description", "dev_url", "doc_source_url", "doc_url", "home", "icon_url", "license_url",
        "recipe_origin", "source_git_url", "source_url", "summary",
    }
)  # fmt: skip
"""Fields of ``channeldata.json`` that people follow."""

_REFERENCES = frozenset({"base", "overrides"})
_TEXTS = frozenset({"message"})
_NAMED = re.compile(r"(?:.*[_.-])?(?:url|urls|uri|href|mirrors?)", re.IGNORECASE)
# URL standard: blanks and control characters at the ends, and line ends and tabs anywhere, are cut.
_CUT = re.compile(r"[\t\n\r]")
_BLANK = "".join(map(chr, range(0x21)))
_LEADS = re.compile(
    r"(?:https?|ftps?|file|wss?|s3|gs|oci|data|javascript):|[a-z][a-z0-9+.-]*:[/\\]|[/\\]",
    re.IGNORECASE,
)
_LOOK = re.compile(r"[:/\\%\t\n\r]|\.\.")
_RELATION = re.compile(r"(?:\.\./)+(?:\.\.|[A-Za-z0-9_][A-Za-z0-9_./-]*)?")
_ESCAPED_LETTER = re.compile(r"\\u00[2-7]", re.IGNORECASE)


Path = tuple[str, ...]
"""Where in a value something stands: keys, and numbers in lists."""


def leads_away(text: str) -> bool:
    """Whether a client that follows this would leave the folder of what says it."""
    if not _LOOK.search(text):
        return False
    cut = _CUT.sub("", text.strip(_BLANK))
    if _LEADS.match(cut):
        return True
    return ".." in re.split(r"[/\\]", unquote(cut))


def is_relation(value: object) -> bool:
    """Whether this is a reference to a channel of the same mirror (CEP 42)."""
    return isinstance(value, str) and "//" not in value and bool(_RELATION.fullmatch(value))


def escapes(value: object) -> Iterator[Path]:
    """Where in a value something is called an address, or is one that leads away.

    Args:
        value: ``info``, or what else stands beside the records.
    """
    stack: list[tuple[Path, object]] = [((), value)]
    while stack:
        path, one = stack.pop()
        if isinstance(one, str):
            if leads_away(one):
                yield path
        elif isinstance(one, list | tuple):
            stack.extend(((*path, str(at)), inner) for at, inner in enumerate(one))
        elif isinstance(one, Mapping):
            for name, inner in ((str(key), one[key]) for key in one):
                here = (*path, name)
                if _NAMED.fullmatch(name) or leads_away(name):
                    yield here
                elif path == (RELATIONS,) and name in _REFERENCES:
                    if not is_relation(inner):
                        yield here
                elif name not in _TEXTS or not isinstance(inner, str):
                    stack.append((here, inner))


def without_escapes(value: Mapping[str, Any]) -> tuple[dict[str, Any], list[Path]]:
    """The same without the keys that lead away or hold what does, and where they were."""
    found = sorted(escapes(value))
    among = value.get(RELATIONS)
    relations = among if isinstance(among, Mapping) else {}
    gone = {path[0] for path in found if path[0] != RELATIONS or not relations}
    wrong = {path[1] for path in found if path[0] == RELATIONS and len(path) > 1}
    kept = {key: value[key] for key in value if key not in gone}
    if wrong and relations:
        kept[RELATIONS] = {key: relations[key] for key in relations if key not in wrong}
    return kept, found


# -- records ---------------------------------------------------------------------------------------


def may_have_address(text: str) -> bool:
    """Whether a record (a JSON text) has to be decoded to know; a look at its letters."""
    return '"url"' in text or _ESCAPED_LETTER.search(text) is not None


def wrong_address(record: Mapping[str, Any], filename: str) -> bool:
    """Whether a record sends clients elsewhere than to the file beside its index."""
    return "url" in record and record["url"] != filename


def sends_away(text: str, filename: str) -> bool:
    """The same of a record's JSON text, which is decoded only where that can matter."""
    if not may_have_address(text):
        return False
    record = json.loads(text)
    return isinstance(record, dict) and wrong_address(record, filename)
