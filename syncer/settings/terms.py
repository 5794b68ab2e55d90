"""The terms guard: Anaconda's channels and installers need a licence, and a person's word. Pure.

Guaranteed: without ``ANACONDA_TERMS_ACCEPTED=yes`` its host is never contacted. What is known about
the terms is in README.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from syncer.settings.settings import Settings

# The host whose terms ask for a paid licence of whoever mirrors it.
_LICENSED_HOST = "repo.anaconda.com"


def problems(settings: Settings) -> list[str]:
    """What would be asked of Anaconda's host without a person's word."""
    if settings.anaconda_terms_accepted:
        return []
    return [
        f"CHANNELS={channel}: Anaconda states that mirroring its channels always needs a paid"
        " licence, for anybody. Set ANACONDA_TERMS_ACCEPTED=yes if you have one; conda-forge"
        " has most of the same packages and needs none"
        for channel in settings.channels
        if any(urlsplit(url).hostname == _LICENSED_HOST for url in settings.channel_urls(channel))
    ] + [
        f"INSTALLERS={kind}: Anaconda states that mirroring what is on {_LICENSED_HOST} always"
        " needs a paid licence, for anybody. Set ANACONDA_TERMS_ACCEPTED=yes if you have one;"
        " miniforge installs conda as well and needs none"
        for kind in settings.installers
        if any(urlsplit(url).hostname == _LICENSED_HOST for url in settings.installer_urls(kind))
    ]
