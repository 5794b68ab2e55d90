"""What a decoded document lists, in every section that it may have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from indexer.base.repodata import Record, records_in
from indexer.verify.check import Check
from volume.sections import OLD_SECTIONS, V3, V3_SECTIONS

_KINDS = {section.removeprefix(f"{V3}.") for section in V3_SECTIONS}


def listed(
    check: Check, subdir: str, where: str, document: Mapping[str, Any]
) -> dict[tuple[str, str], Record]:
    """Records by section and key.

    Raises:
        VerificationError: a section is no map, or one that nothing here knows.
    """
    try:
        others = {
            *(key for key in document if key.startswith("packages") and key not in OLD_SECTIONS),
            *(f"{V3}.{kind}" for kind in document.get(V3, {}).keys() - _KINDS),
        }
        if others:
            raise check.fail(subdir, f"{where} has a section that nothing is known of: {others}")
        return {(section, key): record for section, key, record in records_in(document)}
    except AttributeError as error:
        raise check.fail(subdir, f"{where} has a section that is no map: {error}") from error
