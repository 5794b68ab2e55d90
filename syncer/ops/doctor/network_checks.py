"""One request of the doctor's: an answer's head, by the same proxies and secrets as a sync.

Guaranteed: it ends in time, and no body is read but the beginning of an error page.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field

import requests
import urllib3

from syncer.errors import TransferError, UpstreamError
from syncer.transport import answers
from syncer.transport.egress import refused
from syncer.transport.hosts import HostState, Tally
from syncer.transport.network import Host, Network
from syncer.transport.retry import Retryable

_SECONDS = 10.0
_MOST_REDIRECTS = 10


@dataclass(frozen=True, slots=True)
class Head:
    """A status and headers (names in small letters)."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)


def ask(
    network: Network, url: str, headers: Mapping[str, str], user_agent: str, *,
    method: str = "GET",
) -> Head:  # fmt: skip
    """Ask, follow redirects, and give the head of the last answer: 200, 304 or 404.

    Raises:
        UpstreamError: anything else, in the words that a sync would use.
    """
    first = host = network.host(url)
    target = first.without_token(url)
    shown = target
    with requests.Session() as session:
        session.trust_env = False
        session.verify = network.ca_bundle
        for _ in range(_MOST_REDIRECTS + 1):
            given = {"User-Agent": user_agent, "Accept-Encoding": "identity", **headers}
            if host.authorization:
                given["Authorization"] = host.authorization
            _see_where(network, host)
            with _send(session, method, target, shown, host, given) as answer:
                location = session.get_redirect_target(answer)
                if answer.status_code in answers.REDIRECTS and location:
                    target, host = network.follow(first, target, location)
                    continue
                if answer.status_code not in {200, 206, 304, 404}:
                    raise _judged(shown, host, answer)
                found = {name.lower(): value for name, value in answer.headers.items()}
                return Head(answer.status_code, found)
    raise TransferError(f"{shown} redirects without end")


def _see_where(network: Network, host: Host) -> None:
    """See if a host may be at the addresses that its name has, as a sync does.

    Raises:
        RefusedAddressError: it may not.
    """
    if host.proxy or host.may_be_private:
        return
    name, port = host.origin[1].strip("[]"), host.origin[2]
    try:
        found = {str(place[0]) for *_, place in socket.getaddrinfo(name, None)}
    except (OSError, UnicodeError):
        return  # the request will say so
    for address in sorted(found):
        if not network.egress.admits(address.partition("%")[0]):
            raise refused(name, port, address)


def _send(
    session: requests.Session, method: str, target: str, shown: str, host: Host,
    headers: Mapping[str, str],
) -> requests.Response:  # fmt: skip
    try:
        return session.request(
            method,
            host.address(target),
            headers=headers,
            stream=True,
            timeout=(_SECONDS, _SECONDS),
            allow_redirects=False,
            proxies=host.proxies,
            cert=host.certificate or None,
        )
    except requests.exceptions.SSLError as error:
        raise answers.tls_failure(shown, host, answers.reason(error)) from error
    except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
        why = answers.reason(error)
        raise _final(
            answers.unreachable(
                shown, host, _tally(host), why, proxy_status=answers.connect_status(why)
            )
        ) from error


def _judged(shown: str, host: Host, answer: requests.Response) -> UpstreamError:
    said = b""
    with contextlib.suppress(urllib3.exceptions.HTTPError, OSError):
        said = bytes(answer.raw.read(answers.SAID, decode_content=False))
    return _final(answers.refusal(shown, host, _tally(host), answer.status_code, body=said))


def _final(found: Retryable | UpstreamError) -> UpstreamError:
    return found.error if isinstance(found, Retryable) else found


def _tally(host: Host) -> Tally:
    return Tally(HostState(host.name))


def resolve(name: str) -> str | None:
    """Why a host name has no address, or None if it has one."""
    try:
        socket.getaddrinfo(name.strip("[]"), None)
    except (OSError, UnicodeError) as error:
        return str(error.strerror if isinstance(error, OSError) and error.strerror else error)
    return None
