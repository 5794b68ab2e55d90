"""Requests over HTTP, redirects followed: each thread has one connection to a host. By libcurl.

requests spends a millisecond of Python on each small artifact, which a mirror has by the hundred
thousand; libcurl spends a tenth of that (``benchmarks/first_sync``).

Guaranteed: every transfer has timeouts, a stalled or dripping one counts as cut; credentials go
where ``network`` says and nowhere else; library errors become ``UpstreamError``.
"""

from __future__ import annotations

import threading

from syncer.errors import TransferError
from syncer.transport.connections.connection import Answer, Connection
from syncer.transport.connections.multiplex import Multiplexer
from syncer.transport.document import UNCONDITIONAL, Conditions
from syncer.transport.hosts import Hosts
from syncer.transport.network import Host, Network
from syncer.transport.retry import Limits
from syncer.transport.sink import Receiver
from syncer.transport.throttle import Throttle
from volume.program.log import redact
from volume.program.stop import Stop

_MOST_REDIRECTS = 10


class Client:
    """Asks; the connections are the asking thread's own, or shared with others."""

    def __init__(
        self,
        limits: Limits,
        stop: Stop,
        network: Network,
        *,
        hosts: Hosts | None = None,
        throttle: Throttle | None = None,
    ) -> None:
        self._limits = limits
        self._stop = stop
        self._network = network
        self._hosts = hosts or Hosts()
        self._throttle = throttle
        self._local = threading.local()

    def ask(self, url: str, receiver: Receiver, conditions: Conditions = UNCONDITIONAL) -> Answer:
        """Ask for a body once: it goes to ``receiver``, from its position on.

        Raises:
            Retryable: it failed in a way that may heal.
            UpstreamError: in a way that does not.
            InterruptedRunError: the run was stopped.
            Exception: whatever the receiver raised.
        """
        first = host = self._network.host(url)
        target = url
        # By hand, and not by libcurl, so that each host gets its own proxy and secrets only.
        for _ in range(_MOST_REDIRECTS + 1):
            connection = self._connection(host)
            answer = connection.receive(target, host, url, first, receiver, conditions)
            if not answer.location:
                return answer
            base = host.without_token(target)
            target, host = self._network.follow(first, base, answer.location)
        raise TransferError(f"{redact(first.without_token(url))} redirects without end")

    def share(self, users: int) -> Multiplexer | None:
        """Exchange this thread's connection for one that ``users`` threads share.

        None, and nothing changes, unless its host speaks HTTP/2. With a rate limit none is shared:
        one stream that waits for its share would hold up the others.
        """
        own: dict[str, Connection] = getattr(self._local, "connections", {})
        if self._throttle is not None or not any(one.can_share for one in own.values()):
            return None
        shared = Multiplexer(users)
        self.use(shared)
        return shared

    def use(self, shared: Multiplexer) -> None:
        """Let this thread's requests go over a shared connection; one of its own is closed."""
        self.rest()
        self._local.shared = shared

    def rest(self) -> None:
        """Close this thread's connections, for other threads to have them; they come back."""
        own: dict[str, Connection] = getattr(self._local, "connections", {})
        self._local.connections = {}
        for connection in own.values():
            connection.close()

    def _connection(self, host: Host) -> Connection:
        """This thread's connection; hosts with a client certificate have one of their own."""
        own: dict[str, Connection] | None = getattr(self._local, "connections", None)
        if own is None:
            own = self._local.connections = {}
        found = own.get(host.certificate)
        if found is None:
            found = own[host.certificate] = Connection(
                self._limits, self._stop, self._network.ca_bundle, host.certificate,
                self._network.egress, self._hosts, self._throttle,
                getattr(self._local, "shared", None),
            )  # fmt: skip
        return found
