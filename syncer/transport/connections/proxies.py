"""The proxies that the process environment names, by the rules that people know from requests.

``HTTP_PROXY``, ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY``; the spelling in small letters wins.
The rules are written out here because importing requests costs a no-op sync 40 % of its CPU; a test
holds them against requests itself.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from syncer.settings.secrets import basic
from volume.program.log import redact, register

_SCHEMES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")
_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


def proxy_for(scheme: str, name: str, port: int | None, environment: Mapping[str, str]) -> str:
    """The proxy for a host, with its scheme; empty if there is none.

    Args:
        name: the host, without brackets.
        port: the one that its address names, if any.
    """
    found = _variable(environment, scheme) or _variable(environment, "all")
    if not found or _is_exempt(name, port, _variable(environment, "no")):
        return ""
    return _with_scheme(found)


def described(environment: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """The proxies by variable, without their passwords, and what is wrong with them."""
    shown: dict[str, str] = {}
    problems = []
    for name in _VARIABLES:
        given = (environment.get(name.lower()) or environment.get(name) or "").strip()
        if not given:
            continue
        try:
            parts = urlsplit(_with_scheme(given))
            if parts.password:
                register(parts.password, unquote(parts.password))
                register(basic(f"{unquote(parts.username or '')}:{unquote(parts.password)}"))
            is_good = parts.scheme.lower() in _SCHEMES and parts.hostname and parts.port != 0
        except ValueError:
            is_good = False
        shown[name] = redact(_with_scheme(given))
        if not is_good:
            problems.append(
                f"{name}={shown[name]} is not a proxy's address: write"
                " http://[user:password@]host:port, or begin with https://, socks5:// or"
                " socks5h://; percent-encode what is not a letter or digit in the password"
            )
    return shown, problems


def _variable(environment: Mapping[str, str], kind: str) -> str:
    name = f"{kind}_proxy"
    if name in environment:
        return environment[name]
    return next((value for key, value in environment.items() if key.lower() == name), "")


def _is_exempt(name: str, port: int | None, exempt: str) -> bool:
    if exempt == "*":
        return True
    names = {name, f"{name}:{port}"}
    for word in exempt.replace(" ", "").lower().split(","):
        bare = word.lstrip(".")
        if bare and (bare in names or any(one.endswith(f".{bare}") for one in names)):
            return True
        if "/" in word and _holds(word, name):
            return True
    return False


def _holds(network: str, name: str) -> bool:
    """Whether a network such as 10.0.0.0/8 has an address; false if one of them is none."""
    try:
        return ipaddress.IPv4Address(name) in ipaddress.IPv4Network(network, strict=False)
    except ValueError:
        return False


def _with_scheme(proxy: str) -> str:
    return proxy if "://" in proxy else f"http://{proxy}"
