"""The terms guard: Anaconda's channels and installers need a licence, and a person's word. Pure.

Guaranteed: without ``ANACONDA_TERMS_ACCEPTED=yes`` no setting leads to its host, nor to the copies
of its channels that the community host has. ``needs_word`` is for whoever is led elsewhere. What is
known about the terms is in README.md.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from syncer.settings.settings import Settings

# Their terms ask for a paid licence of whoever mirrors them; the second is the older name.
_LICENSED_HOSTS = frozenset({"repo.anaconda.com", "repo.continuum.io"})
_COMMUNITY_HOST = "conda.anaconda.org"
# Channels of the community host that are Anaconda's own.
_COPIES = re.compile(r"(/t/[^/]+)?/+(pkgs|main|r|msys2|anaconda|free|pro)(/.*)?", re.IGNORECASE)


def needs_word(url: str) -> bool:
    """Whether what is at a URL is under Anaconda's terms."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    if host == _COMMUNITY_HOST:
        return _COPIES.fullmatch(unquote(parts.path)) is not None
    return host in _LICENSED_HOSTS


def problems(settings: Settings) -> list[str]:
    """What would be asked of Anaconda's without a person's word."""
    if settings.anaconda_terms_accepted:
        return []
    return [
        f"CHANNELS={channel}: Anaconda states that mirroring its channels always needs a paid"
        " licence, for anybody. Set ANACONDA_TERMS_ACCEPTED=yes if you have one; conda-forge"
        " has most of the same packages and needs none"
        for channel in settings.channels
        if any(map(needs_word, settings.channel_urls(channel)))
    ] + [
        f"INSTALLERS={kind}: Anaconda states that mirroring what is on {urlsplit(url).hostname}"
        " always needs a paid licence, for anybody. Set ANACONDA_TERMS_ACCEPTED=yes if you have"
        " one; miniforge installs conda as well and needs none"
        for kind in settings.installers
        for url in settings.installer_urls(kind)
        if needs_word(url)
    ]
