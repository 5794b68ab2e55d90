"""Distance: a TCP forwarder on loopback that holds every byte back for half a round trip.

    python -m benchmarks.support.delay LISTEN_PORT TARGET_PORT ROUND_TRIP_MS

Bytes and their order are untouched, so it works for HTTP/1.1, HTTP/2 and TLS alike; bandwidth is
not limited. A TLS handshake takes its round trips as on a real line; TCP's own takes none.
"""

from __future__ import annotations

import asyncio
import sys


class _End(asyncio.Protocol):
    """One end of a forwarded connection."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._other: _End | None = None
        self._early: list[bytes] = []
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def join(self, other: _End) -> None:
        """Forward to ``other`` from now on, what came before first."""
        self._other = other
        for data in self._early:
            self._forward(data)
        self._early.clear()

    def data_received(self, data: bytes) -> None:
        if self._other is None:
            self._early.append(data)
        else:
            self._forward(data)

    def _forward(self, data: bytes) -> None:
        other = self._other
        assert other is not None
        # Calls of one delay are made in their order.
        asyncio.get_running_loop().call_later(self._seconds, other.send, data)

    def send(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def connection_lost(self, _: Exception | None) -> None:
        self._transport = None
        if self._other is not None:
            asyncio.get_running_loop().call_later(self._seconds, self._other.close)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class _Near(_End):
    """The end that a client connects to."""

    def __init__(self, seconds: float, target: int) -> None:
        super().__init__(seconds)
        self._target = target
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._task = asyncio.create_task(self._connect())

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        _, far = await loop.create_connection(
            lambda: _End(self._seconds), "127.0.0.1", self._target
        )
        far.join(self)
        self.join(far)


async def _serve(port: int, target: int, milliseconds: float) -> None:
    seconds = milliseconds / 2000
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Near(seconds, target), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
