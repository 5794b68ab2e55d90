"""Forward proxies on loopback: HTTP with CONNECT, and SOCKS5.

Guaranteed: each logs whom it was asked for and with which credentials, before it answers, and can
be told to refuse. Not guaranteed: anything that requests and libcurl don't do.
"""

import contextlib
import select
import socket
import socketserver
import struct
import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

_HEAD = 65_536


@dataclass(frozen=True, slots=True)
class Asked:
    """One request to a proxy: ``host:port``, the credentials as sent, and the head for HTTP."""

    target: str
    credentials: str = ""
    head: str = ""


@dataclass
class _Proxy:
    refuse: int = 0
    """Answer everything with this status (HTTP) or reply code (SOCKS)."""
    credentials: str = ""
    """What must come: the Proxy-Authorization header's value, or user:password for SOCKS."""
    log: list[Asked] = field(default_factory=list)

    scheme = ""

    def __post_init__(self) -> None:
        self._server = _Server(("127.0.0.1", 0), _Conversation)
        self._server.proxy = self
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )

    @property
    def address(self) -> str:
        """host:port."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        """What HTTP_PROXY and the like are set to."""
        return f"{self.scheme}://{self.address}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def converse(self, client: socket.socket) -> None:
        raise NotImplementedError


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    proxy: _Proxy


class _Conversation(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        with contextlib.suppress(OSError):  # either side hung up
            self.server.proxy.converse(self.request)


class ForwardProxy(_Proxy):
    """An HTTP proxy: CONNECT for https, absolute addresses for http, one request a connection."""

    scheme = "http"

    def converse(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            received = client.recv(_HEAD)
            if not received:
                return
            head += received
        text, _, rest = head.partition(b"\r\n\r\n")
        first, *lines = text.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        given = headers.get("proxy-authorization", "")
        host, path = target, ""
        if method != "CONNECT":
            host, slash, path = target.removeprefix("http://").partition("/")
            path = slash + path
        self.log.append(Asked(host, given, text.decode("latin-1")))
        status = self.refuse or (407 if self.credentials and given != self.credentials else 0)
        if status:
            client.sendall(
                f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
            )
            return
        name, _, port = host.partition(":")
        with socket.create_connection((name, int(port or 80))) as server:
            if method == "CONNECT":
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                kept = [
                    line for line in lines
                    if not line.lower().startswith(("proxy-", "connection:"))
                ]  # fmt: skip
                asked = "\r\n".join([f"{method} {path} HTTP/1.1", *kept, "Connection: close"])
                server.sendall(asked.encode("latin-1") + b"\r\n\r\n" + rest)
            _relay(client, server)


class SocksProxy(_Proxy):
    """A SOCKS5 proxy (RFC 1928), with user and password (RFC 1929) if it is told to."""

    scheme = "socks5h"

    def converse(self, client: socket.socket) -> None:
        _, count = _exactly(client, 2)
        methods = _exactly(client, count)
        wanted = 2 if self.credentials else 0
        if wanted not in methods:
            client.sendall(b"\x05\xff")
            self.log.append(Asked(""))
            return
        client.sendall(bytes([5, wanted]))
        given = ""
        if wanted:
            _exactly(client, 1)
            user = _exactly(client, _exactly(client, 1)[0]).decode()
            given = f"{user}:{_exactly(client, _exactly(client, 1)[0]).decode()}"
            is_right = given == self.credentials
            client.sendall(b"\x01\x00" if is_right else b"\x01\x01")
            if not is_right:
                self.log.append(Asked("", given))
                return
        _, _, _, kind = _exactly(client, 4)
        if kind == 1:
            name = socket.inet_ntoa(_exactly(client, 4))
        else:
            name = _exactly(client, _exactly(client, 1)[0]).decode()
        (port,) = struct.unpack(">H", _exactly(client, 2))
        self.log.append(Asked(f"{name}:{port}", given))
        client.sendall(bytes([5, self.refuse, 0, 1]) + bytes(6))
        if not self.refuse:
            with socket.create_connection((name, port)) as server:
                _relay(client, server)


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        received = connection.recv(count - len(data))
        if not received:
            raise ConnectionError("hung up")
        data += received
    return data


def _relay(client: socket.socket, server: socket.socket) -> None:
    """Pass bytes on until either side ends."""
    other = {client: server, server: client}
    while True:
        ready, _, _ = select.select([client, server], [], [], 30)
        if not ready:
            return
        for one in ready:
            data = one.recv(_HEAD)
            if not data:
                return
            other[one].sendall(data)
