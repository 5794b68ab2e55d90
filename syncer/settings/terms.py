"""Anaconda's terms: what needs its licence, and so a person's word. Pure.

The one place that knows; ``problems`` tells people when the settings are read, and the transport
asks ``licensed`` before every request. What is known about the terms is in README.md.
"""

from __future__ import annotations

import re
from posixpath import normpath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from syncer.settings.settings import Settings

# Hosts whose terms ask for a paid licence of whoever mirrors them; the last is an older name.
_LICENSED = frozenset({"repo.anaconda.com", "repo.anaconda.cloud", "repo.continuum.io"})
# Hosts of community channels; some of these are copies of the licensed ones.
COMMUNITY = frozenset(
    {"conda.anaconda.org", "conda-static.anaconda.org", "conda.binstar.org", "anaconda.org"}
)
_COPIES = re.compile(r"(?:/t/[^/]+)?/(pkgs|main|r|msys2|anaconda|free|pro)(?:/.*)?", re.IGNORECASE)


def licensed(url: str) -> str:
    """What a URL leads to that is under Anaconda's terms, for people; empty if nothing."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    if host in COMMUNITY:  # as it is sent: without dots, slashes and escapes for nothing
        path = normpath(re.sub("/+", "/", f"/{unquote(parts.path)}"))
        copy = _COPIES.fullmatch(path)
        return f"{host}/{copy[1]}" if copy else ""
    return host if host in _LICENSED else ""


def problems(settings: Settings) -> list[str]:
    """What would be asked of Anaconda's without a person's word."""
    if settings.anaconda_terms_accepted:
        return []
    return [
        f"CHANNELS={channel}: Anaconda states that mirroring its channels always needs a paid"
        " licence, for anybody. Set ANACONDA_TERMS_ACCEPTED=yes if you have one; conda-forge"
        " has most of the same packages and needs none"
        for channel in settings.channels
        if any(map(licensed, settings.channel_urls(channel)))
    ] + [
        f"INSTALLERS={kind}: Anaconda states that mirroring what is on {what}"
        " always needs a paid licence, for anybody. Set ANACONDA_TERMS_ACCEPTED=yes if you have"
        " one; miniforge installs conda as well and needs none"
        for kind in settings.installers
        for what in dict.fromkeys(filter(None, map(licensed, settings.installer_urls(kind))))
    ]
