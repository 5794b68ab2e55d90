"""One connection to a host with several requests on it at once: HTTP/2 (RFC 9113), by libcurl.

Far upstreams make small artifacts wait: with one request at a time a connection moves one artifact
in each round trip. A thread of its own drives libcurl's multi interface; the threads that share the
connection hand it their prepared handles and wait for the end of their transfer.

Guaranteed: never more than one connection to a host, and requests at once only to hosts that have
answered by HTTP/2 here; others are asked one after the other. Callbacks run on the driving thread.
"""

from __future__ import annotations

import contextlib
import os
import queue
import select
import threading

import pycurl

_LONGEST_WAIT_MS = 1000


class _Request:
    """A handle in flight; ``problem`` is what its waiting thread is to raise."""

    def __init__(self, curl: pycurl.Curl) -> None:
        self.curl = curl
        self.problem: BaseException | None = None
        self.done = threading.Event()


class Multiplexer:
    """A shared connection; each thread that uses it calls ``leave`` in the end."""

    def __init__(self, users: int) -> None:
        """For as many threads as ``users`` says."""
        self._users = users
        self._guard = threading.Lock()
        self._gates: dict[str, threading.Lock] = {}
        self._multiplexed: set[str] = set()
        self._waiting: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self._broken: BaseException | None = None
        self._bell, self._ringer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
        self._multi.setopt(pycurl.M_MAX_HOST_CONNECTIONS, 1)
        threading.Thread(target=self._drive, name="multiplexer", daemon=True).start()

    def perform(self, curl: pycurl.Curl, host: str) -> None:
        """Do what ``curl.perform()`` does, beside other requests to the host if it can that.

        Raises:
            pycurl.error: the transfer failed.
        """
        with self._guard:
            gate = self._gates.setdefault(host, threading.Lock())
        gate.acquire()
        if host in self._multiplexed:
            gate.release()
            self._transfer(curl)
            return
        try:
            self._transfer(curl)
            if curl.getinfo(pycurl.INFO_HTTP_VERSION) == pycurl.CURL_HTTP_VERSION_2_0:
                self._multiplexed.add(host)
        finally:
            gate.release()

    def leave(self) -> None:
        """One thread less; with the last one the connection is closed."""
        with self._guard:
            self._users -= 1
            is_last = self._users == 0 and self._broken is None
        if is_last:
            self._hand_over(None)

    def _transfer(self, curl: pycurl.Curl) -> None:
        request = _Request(curl)
        self._hand_over(request)
        request.done.wait()
        if request.problem is not None:
            raise request.problem

    def _hand_over(self, request: _Request | None) -> None:
        with self._guard:
            if self._broken is not None:
                raise self._broken
            self._waiting.put(request)
            with contextlib.suppress(BlockingIOError):  # a pipe full of rings: it will wake
                os.write(self._ringer, b".")

    def _drive(self) -> None:
        running: dict[pycurl.Curl, _Request] = {}
        try:
            while self._admit(running):
                self._multi.perform()
                self._settle(running)
                self._sleep()
        except BaseException as problem:  # noqa: BLE001 - raised by those who wait
            self._break(problem, running)
        finally:
            self._multi.close()
            os.close(self._bell)
            os.close(self._ringer)

    def _break(self, problem: BaseException, running: dict[pycurl.Curl, _Request]) -> None:
        with self._guard:
            self._broken = problem
            while not self._waiting.empty():
                request = self._waiting.get()
                if request is not None:
                    running[request.curl] = request
        for request in running.values():
            request.problem = problem
            request.done.set()

    def _admit(self, running: dict[pycurl.Curl, _Request]) -> bool:
        """Take in what was handed over; False when nobody will hand over any more."""
        while not self._waiting.empty():
            request = self._waiting.get()
            if request is None:
                return False
            running[request.curl] = request
            self._multi.add_handle(request.curl)
        return True

    def _settle(self, running: dict[pycurl.Curl, _Request]) -> None:
        """Let those go whose transfer is over."""
        more = 1
        while more:
            more, done, failed = self._multi.info_read()
            ended: list[tuple[pycurl.Curl, BaseException | None]] = [(curl, None) for curl in done]
            ended += [(curl, pycurl.error(code, message)) for curl, code, message in failed]
            for curl, problem in ended:
                self._multi.remove_handle(curl)
                request = running.pop(curl)
                request.problem = problem
                request.done.set()

    def _sleep(self) -> None:
        """Until the network or one of the threads wants something."""
        reading, writing, failing = self._multi.fdset()
        wanted = self._multi.timeout()
        milliseconds = _LONGEST_WAIT_MS if wanted < 0 else min(wanted, _LONGEST_WAIT_MS)
        ready, _, _ = select.select([*reading, self._bell], writing, failing, milliseconds / 1000)
        if self._bell in ready:
            os.read(self._bell, 4096)
