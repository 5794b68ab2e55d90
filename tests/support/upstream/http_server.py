"""A minimal HTTP/1.1 server on real sockets, for tests and benchmarks.

Guaranteed: keep-alive, and bodies delivered exactly as a `Delivery` says, broken ones included.
Not guaranteed: request bodies, anything that conda clients don't do. The standard library's
`http.server` was not used: its overhead would be what benchmarks measure, and it can't break a
response on purpose.
"""

import contextlib
import socket
import socketserver
import ssl
import struct
import sys
import threading
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import unquote

from tests.support.upstream.http_messages import (
    WHOLE,
    Body,
    Delivery,
    FileBody,
    Handler,
    Request,
    Response,
    body_bytes,
)

_ESTABLISHED = 1  # of TCP_INFO's states
MAX_HEAD = 65_536


@dataclass(slots=True)
class Connections:
    """Counters of the server's connections and of requests being answered.

    ``peak`` is of those that the client had not closed, although a thread here may not know yet.
    """

    total: int = 0
    open: int = 0
    peak: int = 0
    busy: int = 0
    peak_busy: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def opened(self, established: int) -> int:
        with self.lock:
            self.total += 1
            self.open += 1
            self.peak = max(self.peak, established)
            return self.total

    def closed(self) -> None:
        with self.lock:
            self.open -= 1

    def began(self) -> None:
        with self.lock:
            self.busy += 1
            self.peak_busy = max(self.peak_busy, self.busy)

    def ended(self) -> None:
        with self.lock:
            self.busy -= 1


class ConnectionBroken(Exception):
    """This connection ends here, on purpose or by the client's choice."""


class HttpServer(socketserver.ThreadingTCPServer):
    """Accepts connections and gives each a thread; `close` ends all of them."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 1024

    def __init__(
        self,
        handler: Handler,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__((host, port), _Conversation)
        self.handler = handler
        self.tls = tls
        self.connections = Connections()
        self.closing = threading.Event()
        self._sockets: set[socket.socket] = set()
        self._sockets_lock = threading.Lock()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Stop accepting and end every connection."""
        self.closing.set()
        self.shutdown()
        with self._sockets_lock:
            for connection in self._sockets:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self.server_close()

    def adopt(self, connection: socket.socket) -> None:
        with self._sockets_lock:
            self._sockets.add(connection)

    def established(self) -> int:
        """How many connections are open at both ends."""
        with self._sockets_lock:
            return sum(map(_is_established, self._sockets))

    def forget(self, connection: socket.socket) -> None:
        with self._sockets_lock:
            self._sockets.discard(connection)

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay silent about clients that hang up; anything else is a bug of a test: show it."""
        if not isinstance(sys.exception(), (OSError, ConnectionBroken)):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


def _is_established(connection: socket.socket) -> bool:
    try:
        return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == _ESTABLISHED
    except OSError:
        return False  # closed here, too


class _Conversation(socketserver.BaseRequestHandler):
    """One connection: requests in, responses out, until either side has enough."""

    server: HttpServer
    request: socket.socket

    def handle(self) -> None:
        self.server.adopt(self.request)
        number = self.server.connections.opened(self.server.established())
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = self.request
        try:
            if self.server.tls:
                self.server.forget(self.request)
                self.stream = self.server.tls.wrap_socket(self.request, server_side=True)
                self.server.adopt(self.stream)
            if not self.server.closing.is_set():
                self._converse(number)
        finally:
            self.server.forget(self.stream)
            self.stream.close()
            self.server.connections.closed()

    def _converse(self, number: int) -> None:
        pending = b""
        while True:
            while (end := pending.find(b"\r\n\r\n")) < 0:
                received = self.stream.recv(MAX_HEAD)
                if not received or len(pending) > MAX_HEAD:
                    return
                pending += received
            request = parse_head(pending[:end], number)
            pending = pending[end + 4 :]
            self.server.connections.began()
            try:
                self._send(request, self.server.handler(request))
            finally:
                self.server.connections.ended()
            if request.headers.get("connection", "").lower() == "close":
                return

    def _send(self, request: Request, response: Response) -> None:
        delivery = response.delivery
        self._wait(delivery.before)
        if delivery.silent:
            self._break(delivery)
        head = render_head(response).encode("latin-1")
        if request.method == "HEAD" or response.status == 304:
            self.stream.sendall(head)
        elif delivery is WHOLE and isinstance(response.body, bytes):
            self.stream.sendall(head + response.body)
        elif delivery is WHOLE:
            self.stream.sendall(head)
            self._send_file(response.body)
        else:
            self.stream.sendall(head)
            self._send_pieces(body_bytes(response.body), delivery)

    def _send_file(self, body: Body) -> None:
        assert isinstance(body, FileBody)
        if body.length == 0:  # sendfile would take 0 for a mistake
            return
        with body.path.open("rb") as file:
            self.stream.sendfile(file, body.offset, body.length)

    def _send_pieces(self, body: bytes, delivery: Delivery) -> None:
        end = len(body) if delivery.cut_after is None else min(len(body), delivery.cut_after)
        position = 0
        while position < end:
            size = delivery.drip_bytes or end
            if delivery.stall_after is not None and position < delivery.stall_after:
                size = min(size, delivery.stall_after - position)
            piece = body[position : min(position + size, end)]
            if position == delivery.stall_after:
                self._wait(delivery.stall)
            self.stream.sendall(chunk(piece) if delivery.chunked else piece)
            position += len(piece)
            self._wait(delivery.drip_pause)
        if delivery.cut_after is not None:
            self._break(delivery)
        if delivery.chunked:
            self.stream.sendall(chunk(b""))

    def _wait(self, seconds: float) -> None:
        if seconds and self.server.closing.wait(seconds):
            raise ConnectionBroken

    def _break(self, delivery: Delivery) -> None:
        if delivery.reset:
            # With no time to linger, close() sends RST in place of FIN.
            self.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise ConnectionBroken


def parse_head(head: bytes, connection: int) -> Request:
    """Parse a request line and headers."""
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    path = target.partition("?")[0]
    return Request(method, unquote(path) if "%" in path else path, headers, connection)


def render_head(response: Response) -> str:
    """The status line and headers, with the framing that the delivery asks for."""
    lines = [f"HTTP/1.1 {response.status} {reason(response.status)}"]
    lines += [f"{name}: {value}" for name, value in response.headers]
    if response.status != 304:
        if response.delivery.chunked:
            lines.append("Transfer-Encoding: chunked")
        else:
            lines.append(f"Content-Length: {len(response.body)}")
    return "\r\n".join((*lines, "", ""))


def reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def chunk(data: bytes) -> bytes:
    """One chunk of chunked coding; an empty one ends the body."""
    return b"%x\r\n%s\r\n" % (len(data), data)
