"""Bodies over HTTP: large numbers of artifacts, streamed, resumed where they were cut. By libcurl.

requests spends a millisecond of Python on each small artifact, which a mirror has by the hundred
thousand; libcurl spends a tenth of that (``benchmarks/first_sync``).

Guaranteed: every transfer has timeouts, a stalled or dripping one counts as cut; credentials go
where ``environment`` says and nowhere else; library errors become ``UpstreamError``.
Not guaranteed: that the bytes are right. The sink verifies.
"""

from __future__ import annotations

import threading

from syncer.errors import StalledError, TransferError
from syncer.transport.curl import Handle
from syncer.transport.host import Host
from syncer.transport.hosts import Hosts
from syncer.transport.multiplex import Multiplexer
from syncer.transport.network import Environment
from syncer.transport.reception import UNCONDITIONAL, Answer, Sink, Terms
from syncer.transport.retry import Limits, Retries, Retryable
from syncer.transport.throttle import Throttle
from volume.program.log import redact
from volume.program.stop import Stop

_MOST_REDIRECTS = 10


class Transfers:
    """Transfers bodies; each thread has one connection to a host, of its own or shared."""

    def __init__(
        self,
        limits: Limits,
        stop: Stop,
        environment: Environment,
        *,
        hosts: Hosts | None = None,
        throttle: Throttle | None = None,
    ) -> None:
        self._limits = limits
        self._stop = stop
        self._environment = environment
        self._hosts = hosts or Hosts()
        self._throttle = throttle
        self._local = threading.local()

    def receive(self, url: str, sink: Sink, *, is_patient: bool = True) -> None:
        """Transfer a body into ``sink``, from its position on.

        Args:
            is_patient: whether to try again when the connection stands still; who has another
                upstream to ask need not wait that long.

        Raises:
            HttpStatusError: a status that does not heal, such as 404.
            HostStoppedError: the host is not to be asked again in this run.
            TransferError: the transfer failed in every try.
            InterruptedRunError: the run was stopped.
            Exception: whatever the sink raised.
        """
        retries = Retries(self._limits, self._stop)
        for number in retries:
            try:
                self.attempt(url, sink)
                return
            except Retryable as failure:
                if not is_patient and isinstance(failure.error, StalledError):
                    raise failure.error from failure
                # Progress resets nothing: a server that cuts every transfer must end some day.
                retries.wait(failure, number)

    def share(self, users: int) -> Multiplexer | None:
        """Exchange this thread's connection for one that ``users`` threads share.

        None, and nothing changes, unless its host speaks HTTP/2. With a rate limit none is shared:
        one stream that waits for its share would hold up the others.
        """
        handles: dict[str, Handle] = getattr(self._local, "handles", {})
        if self._throttle is not None or not any(one.can_share for one in handles.values()):
            return None
        shared = Multiplexer(users)
        self.use(shared)
        return shared

    def use(self, shared: Multiplexer) -> None:
        """Let this thread's requests go over a shared connection; one of its own is closed."""
        self._local.handles = {}
        self._local.shared = shared

    def rest(self) -> None:
        """Close this thread's connections, for other threads to have them; they come back."""
        self._local.handles = {}

    def attempt(self, url: str, sink: Sink, terms: Terms = UNCONDITIONAL) -> Answer:
        """One try of a body: into ``sink``, from its position on.

        Raises:
            Retryable: it failed in a way that may heal.
            UpstreamError, InterruptedRunError, Exception: as ``receive`` does.
        """
        first = host = self._environment.host(url)
        target = url
        # By hand, and not by libcurl, so that each host gets its own proxy and secrets only.
        for _ in range(_MOST_REDIRECTS + 1):
            answer = self._handle(host).receive(target, host, url, first, sink, terms)
            if not answer.location:
                return answer
            base = host.without_token(target)
            target, host = self._environment.follow(first, base, answer.location)
        raise TransferError(f"{redact(first.without_token(url))} redirects without end")

    def _handle(self, host: Host) -> Handle:
        """This thread's handle; hosts with a client certificate have one of their own."""
        handles: dict[str, Handle] | None = getattr(self._local, "handles", None)
        if handles is None:
            handles = self._local.handles = {}
        found = handles.get(host.certificate)
        if found is None:
            found = handles[host.certificate] = Handle(
                self._limits, self._stop, self._environment.ca_bundle, host.certificate,
                self._hosts, self._throttle, getattr(self._local, "shared", None),
            )  # fmt: skip
        return found
