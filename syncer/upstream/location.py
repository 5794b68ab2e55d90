"""Where the artifacts of an index are: beside it, or where its ``base_url`` says (CEP 15). Pure.

Guaranteed: an upstream can send us to http and https addresses only, without credentials; a
channel in a folder leads to that folder only.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote, unquote, urljoin

from syncer.conda.address import address_problem, shown
from syncer.conda.wheel_record import Place
from syncer.errors import IndexRejectedError
from syncer.transport.file_url import is_folder
from volume.program.log import redact


def folder_url(base: str, subdir: str, relative: str | None, *, key: str = "base_url") -> str:
    """The URL, with a slash at its end, that filenames of a subdir are relative to.

    Args:
        relative: upstream's own word on it: ``base_url``, ``shards_base_url``.

    Raises:
        IndexRejectedError: it leads where an upstream must not send us.
    """
    beside = f"{base}/{subdir}/"
    if not relative:
        return beside
    problem = address_problem(relative)
    if problem is None:
        if is_folder(base) and "://" in relative:
            return beside  # a copied index: its artifacts were copied with it
        found = urljoin(beside, relative.rstrip("/") + "/")
        if _is_allowed(base, found):
            return found
        problem = "it leads out of the folder" if is_folder(base) else "it is not http or https"
    raise IndexRejectedError(
        f"{redact(base)}/{subdir}: its index says {key} {shown(relative)}, and {problem}. Nobody"
        " is sent there; the published index stays as it is"
    )


def _is_allowed(base: str, found: str) -> bool:
    if not is_folder(base):
        return found.startswith(("http://", "https://"))
    return found.startswith(f"{base}/") and ".." not in unquote(found).split("/")


def artifact_urls(
    bases: Sequence[str], own: str, subdir: str, filename: str, base_url: str | None
) -> tuple[str, ...]:
    """Every URL of an artifact, best first: what its own index says, then the other upstreams.

    Args:
        own: the base URL that the index came from; ``base_url`` is that index's.

    Raises:
        IndexRejectedError: see ``folder_url``.
    """
    folders = [folder_url(own, subdir, base_url)]
    folders += [folder_url(base, subdir, None) for base in bases if base != own]
    name = quote(filename, safe="!+~*._-")
    return tuple(dict.fromkeys(folder + name for folder in folders))


def wheel_urls(
    bases: Sequence[str], own: str, subdir: str, filename: str, base_url: str | None, place: Place
) -> tuple[str, ...]:
    """Every URL of a wheel that a channel lists, best first: where its record says that it is.

    A folder that a channel was copied to has it as this mirror does, or beside its index.

    Args:
        own, base_url: as for ``artifact_urls``.
        filename: the artifact's.
        place: what its record says.

    Raises:
        IndexRejectedError: see ``folder_url``.
    """
    folders = [folder_url(own, subdir, base_url)]
    folders += [folder_url(base, subdir, None) for base in bases if base != own]
    found: list[str] = []
    for folder in folders:
        if is_folder(folder):
            found += [folder + filename, folder + (place.relative or place.filename)]
        else:
            found.append(place.absolute or folder + (place.relative or place.filename))
    return tuple(dict.fromkeys(found))
