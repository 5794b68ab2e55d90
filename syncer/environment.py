"""Proxies, CA bundle and netrc, found as requests finds them, but once for each host.

Both ways of speaking HTTP (``fetch`` and ``transfer``) use this, so they can't disagree.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from urllib.parse import urlsplit

import certifi
import requests


@dataclass(frozen=True, slots=True)
class Host:
    """How to reach a host; ``proxies`` by scheme, ``credentials`` as (user, password)."""

    proxies: dict[str, str]
    credentials: tuple[str, str] | None

    def proxy(self, url: str) -> str:
        """The proxy for a URL of this host, or an empty text for none."""
        return requests.utils.select_proxy(url, self.proxies) or ""


class Environment:
    """What the process environment says of the network."""

    def __init__(self) -> None:
        self._hosts: dict[str, Host] = {}

    @property
    def ca_bundle(self) -> str:
        """The file or folder of trusted certificates."""
        given = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
        return given or certifi.where()

    def host(self, url: str) -> Host:
        """What to use for a URL's host."""
        parts = urlsplit(url)
        key = f"{parts.scheme}://{parts.netloc}"
        found = self._hosts.get(key)
        if found is None:
            found = Host(
                requests.utils.get_environ_proxies(url, no_proxy=None),
                requests.utils.get_netrc_auth(url),
            )
            self._hosts[key] = found
        return found
