"""Addresses: what of an index clients follow, and what would lead them off this mirror. Pure.

A client makes the address of an artifact, a shard or another channel of what an index says, and
libraries differ in what they take for an absolute one: py-rattler follows ``http:host``,
``\\\\host``, ``%2e%2e/`` and an address with a line end in it (URL standard, tried with 0.28). So
what is looked for is whatever any of them would follow.

What a client follows, by kind:

- ``info`` of repodata, of the shard index and of run_exports, and what stands beside the records:
  ``base_url`` (CEP 15), ``shards_base_url`` (CEP 16) and whatever else is called an address there;
  artifacts, shards and run_exports lie beside the index here, so none is right;
- ``info.channel_relations`` (CEP 42), which ``volume.relations`` checks;
- a record's ``url`` (draft CEP 151): right is only the filename, relative to the index; of a wheel
  that a channel lists (draft CEP 145) what ``volume.channel_wheels`` says, and it must have that.

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

from volume import channel_wheels
from volume.sections import is_wheel

SHARDS_OWN = frozenset({"base_url", "shards_base_url"})
"""Addresses that an index of shards must have (CEP 16): empty, as all lies beside it."""

_HARMLESS = frozenset(
    {
        # People follow these.
        "description", "dev_url", "doc_source_url", "doc_url", "home", "icon_url", "license_url",
        "recipe_origin", "source_git_url", "source_url", "summary",
        # Nobody does.
        "activate.d", "binary_prefix", "deactivate.d", "icon_hash", "identifiers", "keywords",
        "license", "license_family", "post_link", "post_unlink", "pre_link", "pre_unlink",
        "run_exports", "subdirs", "tags", "text_prefix", "timestamp", "version",
    }
)  # fmt: skip
"""Fields of an entry of ``channeldata.json`` (CEP 38)."""

_REVISIONS = "repodata_revisions"
_NAMED = re.compile(r"(?:.*[_.-])?(?:url|urls|uri|href|mirrors?)", re.IGNORECASE)
# URL standard: blanks and control characters at the ends, and line ends and tabs anywhere, are cut.
_CUT = re.compile(r"[\t\n\r]")
_BLANK = "".join(map(chr, range(0x21)))
_LEADS = re.compile(
    r"(?:https?|ftps?|file|wss?|s3|gs|oci|data|javascript):|[a-z][a-z0-9+.-]*:[/\\]|[/\\]",
    re.IGNORECASE,
)
_LOOK = re.compile(r"[:/\\%\t\n\r]|\.\.")
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


def escapes(value: object, *, spared: frozenset[str] = frozenset()) -> Iterator[Path]:
    """Where in a value something is called an address, or is one that leads away.

    Args:
        value: ``info``, or what else stands beside the records.
        spared: keys of it that are checked otherwise.
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
                if not path and name in spared:
                    continue
                if _NAMED.fullmatch(name) or leads_away(name):
                    yield here
                elif not (_is_message(here) and isinstance(inner, str)):
                    stack.append((here, inner))


def _is_message(path: Path) -> bool:
    """Whether it is the message of a revision, which people read (CEP 48)."""
    return len(path) == 3 and (path[0], path[2]) == (_REVISIONS, "message")


def without_escapes(
    value: Mapping[str, Any], *, spared: frozenset[str] = frozenset()
) -> tuple[dict[str, Any], list[Path]]:
    """The same without the keys that lead away or hold what does, and where they were."""
    found = sorted(escapes(value, spared=spared))
    gone = {path[0] for path in found}
    return {key: value[key] for key in value if key not in gone}, found


# -- records ---------------------------------------------------------------------------------------


def may_have_address(text: str, filename: str) -> bool:
    """Whether a record (a JSON text) has to be decoded to know; a look at its letters."""
    # One letter is found ten times faster than several, and nearly no record has an escaped one.
    return (
        '"url"' in text
        or ("\\" in text and _ESCAPED_LETTER.search(text) is not None)
        or is_wheel(filename)
    )


def right_address(record: Mapping[str, Any], filename: str) -> str | None:
    """The ``url`` that a record has to have here; None if none."""
    if is_wheel(filename):
        return channel_wheels.address(filename, record)
    return filename if "url" in record else None


def wrong_address(record: Mapping[str, Any], filename: str) -> bool:
    """Whether a record sends clients elsewhere than to the file beside its index."""
    right = right_address(record, filename)
    return right is not None and record.get("url") != right


def sends_away(text: str, filename: str) -> bool:
    """The same of a record's JSON text, which is decoded only where that can matter."""
    if not may_have_address(text, filename):
        return False
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return False  # no document can hold it
    return isinstance(record, dict) and wrong_address(record, filename)


# -- channeldata.json ------------------------------------------------------------------------------

_FOLLOWED = (b'"url"', b'base_url"', b'"urls"', b'"mirrors"')


def may_have_followed(data: bytes) -> bool:
    """Whether a ``channeldata.json`` has to be decoded to know; a look at its bytes."""
    return any(word in data for word in _FOLLOWED)


def followed_entry(entry: Mapping[str, Any]) -> list[str]:
    """The fields of a package's entry that nobody knows and that lead away."""
    unknown = {key: entry[key] for key in entry.keys() - _HARMLESS}
    return sorted({path[0] for path in escapes(unknown)}) if unknown else []
