"""Proxies, CA bundle and netrc, found as requests finds them, but once for each host.

Both ways of speaking HTTP (``fetch`` and ``transfer``) use this, so they can't disagree.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import certifi
import requests

from volume.errors import ConfigError


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
        """The file or folder of trusted certificates.

        Raises:
            ConfigError: it is not there.
        """
        for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
            given = os.environ.get(name)
            if given and not Path(given).exists():
                raise ConfigError(
                    [f"{name}={given}: there is no such file; in a container it must be mounted"]
                )
            if given:
                return given
        return certifi.where()

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
