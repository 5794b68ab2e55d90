"""Verification of what ``info`` says of revisions and of other channels (CEP 42, CEP 48).

Guaranteed of what passes: revisions count the records that are in this very document, and no
others; relations lead to other channels of this mirror's tree; a shard index says of both what the
repodata.json says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from indexer.engines import revisions
from indexer.engines.revisions import Tally
from indexer.generations import shards
from indexer.verify.check import Check
from volume import relations
from volume.sections import V3

RELATIONS = frozenset({relations.KEY})
"""Addresses of other channels, which are verified here."""


def verify_info(
    check: Check, subdir: str, where: str, info: Mapping[str, Any], tally: Tally
) -> None:
    """Compare an ``info`` with the records of revision 3 that its document has.

    Raises:
        VerificationError: it says something else.
    """
    said = info.get(revisions.KEY, {})
    if not isinstance(said, dict) or not all(isinstance(one, dict) for one in said.values()):
        raise check.fail(subdir, f"{where}: {revisions.KEY} is no map of maps")
    none = Tally()
    for name in {*said, *([V3] if tally.records else [])}:
        here, one = (tally if name == V3 else none), said.get(name, {})
        found = [one.get(key) for key in ("n_packages", "oldest", "newest")]
        if found != [here.records, here.oldest, here.newest]:
            raise check.fail(
                subdir,
                f"{where} says of revision {name} {found} (records, oldest, newest) and has"
                f" {[here.records, here.oldest, here.newest]}",
            )
        if problem := revisions.message_problem(one.get("message")):
            raise check.fail(subdir, f"{where}: the message of revision {name} {problem}")
    _verify_relations(check, subdir, where, info.get(relations.KEY, {}))


def _verify_relations(check: Check, subdir: str, where: str, said: Any) -> None:
    problems: list[str] = []
    found = relations.carried(said, check.draft.channel, problems.append)
    if problems or found != said:
        raise check.fail(subdir, f"{where}: {relations.KEY}: {'; '.join(problems)}")


def verify_shared(
    check: Check, subdir: str, of_shards: Mapping[str, Any], of_repodata: Mapping[str, Any]
) -> None:
    """Compare the ``info`` of a shard index with that of the repodata.json.

    Raises:
        VerificationError: they differ in what clients take from either.
    """
    for key in sorted(shards.SHARED):
        if of_shards.get(key) != of_repodata.get(key):
            raise check.fail(subdir, f"{shards.INDEX} says another {key} than the repodata.json")
