"""What an answer that can't be used means, and what to say of it. Pure.

Transfers and the doctor ask here, so that one answer has one consequence: it is final, or may
heal, or stops the host for the rest of the run (terms of service, a web page in place of data).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping

from syncer.errors import HttpStatusError, MissingError, TransferError, UpstreamError
from syncer.transport.hosts import Tally
from syncer.transport.network import Host
from syncer.transport.retry import STATUSES, Retryable
from volume import limits
from volume.names import EXTENSIONS
from volume.program.log import redact

SAID = 1 << 14  # bytes of an answer's body that are looked at
_CODINGS = frozenset({"gzip", "x-gzip", "deflate"})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TERMS = re.compile(rb"terms\s+of\s+service", re.IGNORECASE)
_CONNECT = re.compile(r"(?:[Tt]unnel (?:connection )?failed:|[Tt]unnel failed, response) ?(\d{3})")
_LONGEST_QUOTE = 160  # characters
_TAGS = re.compile(r"<(script|style)\b.*?</\1\s*>|<[^>]*>?", re.IGNORECASE | re.DOTALL)


def refusal(
    url: str, host: Host, tally: Tally, status: int, *, retry_after: str = "", body: bytes = b""
) -> Retryable | UpstreamError:
    """What a status stands for that is neither success nor redirect.

    Args:
        url: what was asked for, as people may see it.
        host: who answered; after a redirect another one than the URL's.
        body: the beginning of the answer's body.
    """
    if status == 429:
        tally.slow_downs += 1
    if status == 407 and host.proxy:
        return _proxy_wants_credentials(url, host)
    if status in {403, 429} and _TERMS.search(body):
        return tally.stop(
            f"{host.name} speaks of its terms of service ({status}: {quoted(body)}): it is not"
            " asked again in this run, and nothing changes for what is missing. Read the terms;"
            " get the licence that they ask for, or mirror from another upstream"
        )
    error = HttpStatusError(f"{url}{_by(host, url)}", status, _advice(host, status))
    if status in STATUSES:
        return Retryable(error, tally, retry_after=retry_after, said=quoted(body))
    return error


def is_page(content_type: str, body: bytes) -> bool:
    """Whether an answer is a web page, by its header and its first bytes."""
    if not content_type.lower().startswith(("text/html", "application/xhtml")):
        return False
    return body[:64].removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<")


def is_data(url: str) -> bool:
    """Whether a web page would be wrong here: it is an index or an artifact by its name."""
    name = url.rpartition("/")[2]
    return name.startswith("repodata") or name.endswith(EXTENSIONS)


def page_in_place_of(url: str, host: Host, tally: Tally, body: bytes) -> UpstreamError:
    """A web page came with a success status: terms, a login, a portal.

    Servers that answer so to every unknown path are asked on: only what each channel has counts.
    """
    name = url.rpartition("/")[2]
    if name.startswith("repodata") and name != "repodata.json":
        return MissingError(f"{url} is a web page ({quoted(body)})")
    return tally.stop(
        f"{host.name} sends a web page ({quoted(body)}) where {name} should be:"
        " its terms, a login or a portal. It is not asked again in this run, and nothing changes"
        f" for what is missing. Open {url} in a browser, do what the page asks (the licence,"
        " credentials in SECRETS_DIR), or mirror from another upstream"
    )


_WANTS_CERTIFICATE = "certificate required"


def unreachable(
    url: str, host: Host, tally: Tally, why: str, *, proxy_status: int = 0
) -> Retryable | UpstreamError:
    """No connection; through a proxy it is most often the proxy's doing."""
    if _WANTS_CERTIFICATE in why.lower():  # TLS 1.3 says so after its handshake
        return tls_failure(url, host, why)
    if not host.proxy:
        return Retryable(TransferError(f"{url}{_by(host, url)} can't be reached: {why}"), tally)
    if proxy_status == 407:
        return _proxy_wants_credentials(url, host)
    if 400 <= proxy_status < 500:
        return TransferError(
            f"{url} can't be reached: the proxy {host.shown_proxy} refuses to connect to"
            f" {host.name} ({proxy_status}); have it allowed there, or name the host in NO_PROXY"
        )
    return Retryable(
        TransferError(
            f"{url} can't be reached through the proxy {host.shown_proxy}: {why}. Check HTTP_PROXY,"
            f" HTTPS_PROXY and ALL_PROXY, or name {host.origin[1]} in NO_PROXY to go around it"
        ),
        tally,
    )


class Decoder:
    """Takes a content coding off a body that nobody asked to be coded (RFC 9110 section 8.4).

    Pieces are never longer than ``PIECE``, whatever a few bytes would become, and all together are
    in proportion to what was sent: a few MB of gzip become as many GB.
    """

    PIECE = 1 << 16  # bytes

    def __init__(self, url: str) -> None:
        self._url = url
        self._stream = self._fresh()
        self._has_begun = False
        self._sent = self._unpacked = 0  # bytes

    @staticmethod
    def _fresh() -> zlib._Decompress:
        return zlib.decompressobj(wbits=47)  # of gzip or zlib, as it says itself

    @property
    def is_complete(self) -> bool:
        """Whether the body ended where its coding does."""
        return self._stream.eof or not self._has_begun

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """What the next bytes stand for.

        Raises:
            TransferError: they are no such coding.
        """
        self._has_begun = True
        self._sent += len(chunk)
        try:
            while chunk:
                if self._stream.eof:  # a gzip body may have several members
                    self._stream = self._fresh()
                if piece := self._stream.decompress(chunk, self.PIECE):
                    self._unpacked += len(piece)
                    if self._unpacked > (most := limits.in_proportion(self._sent)):
                        raise TransferError(
                            f"{self._url} uncompresses to more than {most:,} bytes, of"
                            f" {self._sent:,} that were sent; refused"
                        )
                    yield piece
                chunk = self._stream.unconsumed_tail or self._stream.unused_data
        except zlib.error as error:
            raise TransferError(
                f"{self._url} says that it is compressed for its transfer, and is not ({error})"
            ) from error


def decoder(url: str, headers: Mapping[str, str]) -> Decoder | None:
    """What decodes a body, or None if it is as it is.

    Some servers mean the file itself by Content-Encoding: then its name says so too.
    """
    coding = headers.get("content-encoding", "").strip().lower()
    if coding not in _CODINGS or url.partition("?")[0].endswith((".gz", ".tgz")):
        return None
    return Decoder(redact(url))


def connect_status(why: str) -> int:
    """The status with which a proxy refused to connect, from a library's words; 0 if it is none."""
    found = _CONNECT.search(why)
    return int(found[1]) if found else 0


def tls_failure(url: str, host: Host, why: str) -> TransferError:
    """TLS failed, and trying again would not help."""
    cure = "if a proxy inspects TLS here, give its CA bundle in REQUESTS_CA_BUNDLE"
    if host.certificate:
        cure += f"; the client certificate {host.certificate} was offered"
    elif _WANTS_CERTIFICATE in why.lower() or "handshake failure" in why.lower():
        cure = f"it wants a client certificate: put it into SECRETS_DIR as {host.name}.pem"
    return TransferError(f"{url}{_by(host, url)}: TLS failed ({why}); {cure}")


def reason(error: BaseException) -> str:
    """The innermost cause, without the wrapping of three libraries."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return redact(str(error)) or type(error).__name__


def quoted(body: bytes) -> str:
    """The words of an answer, short and without markup."""
    from html import unescape  # a table of 2,000 names, for when an upstream sends a page

    text = body[:SAID].decode("utf-8", "replace")
    words = " ".join(unescape(_TAGS.sub(" ", text)).split())
    printable = "".join(letter for letter in words if letter.isprintable())
    if len(printable) > _LONGEST_QUOTE:
        printable = printable[:_LONGEST_QUOTE].rstrip() + "..."
    return redact(f"'{printable}'") if printable else ""


def _proxy_wants_credentials(url: str, host: Host) -> TransferError:
    return TransferError(
        f"{url} can't be reached: the proxy {host.shown_proxy} wants credentials, or refuses the"
        " ones that it got (407); write them into HTTP_PROXY and HTTPS_PROXY as"
        " http://user:password@host:port"
    )


def _advice(host: Host, status: int) -> str:
    if host.secrets_from and status in {401, 403}:
        return (
            f"{host.name} refuses the credentials of {host.secrets_from}; renew them, or ask"
            " whoever runs it what they may read"
        )
    if status == 401:
        return (
            f"{host.name} wants credentials, and none are in SECRETS_DIR: put them there as"
            f" {host.name}.bearer, .basic or .token"
        )
    return f"through the proxy {host.shown_proxy}" if host.proxy else ""


def _by(host: Host, url: str) -> str:
    """Who answered, if a redirect led there; not where: signed addresses are secrets."""
    return "" if url.startswith(f"{host.base}/") else f" (redirected to {host.name})"
