"""The load itself: non-blocking sockets in one selector loop, as in ab.c, so that the client costs little."""

from __future__ import annotations

import errno
import os
import re
import selectors
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from eventlab.commands.ab.report import Report, Timing
from eventlab.commands.ab.request import Target

END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
SERVER = re.compile(rb"server: ([!-~]*)", re.IGNORECASE)
STATUS = re.compile(rb"HTTP/\d\.\d (\d{3})")
LENGTH = re.compile(rb"\ncontent-length: *(\d+)", re.IGNORECASE)
KEEP_ALIVE = re.compile(rb"\nconnection: *keep-alive", re.IGNORECASE)
SHOWN_BODY = 500
TIMED_OUT = 70007  # APR_TIMEUP, whose text and number ab prints


class Aborted(Exception):
    """The run could not go on; `code` is ab's exit code and `done` how many requests had been completed."""

    def __init__(self, message: str, code: int, done: int = 0) -> None:
        super().__init__(message)
        self.code, self.done = code, done


@dataclass(frozen=True)
class Plan:
    """What to send, how often, how many at a time; times in seconds, `idle_s` without anything happening."""

    target: Target
    request: bytes
    requests: int
    concurrency: int
    time_limit_s: float | None = None
    idle_s: float = 30.0
    keep_alive: bool = False
    has_body: bool = False
    tolerate_errors: bool = False


class Connection:
    """One slot of the concurrency: a socket and what has happened to its request so far."""

    sock: socket.socket
    connected_us: int | None

    def begin(self, now: int) -> None:
        self.start_us, self.written_us, self.first_us = now, 0, 0
        self.sent, self.read, self.body = 0, 0, 0
        self.head, self.has_head = b"", False
        self.length: int | None = None  # of the body, when the connection stays open after it


class Engine:
    """Runs a plan; `report()` is valid at any time, also after an interruption."""

    def __init__(self, plan: Plan, progress: Callable[[int], None] = lambda done: None) -> None:
        self.plan, self.progress = plan, progress
        self.started = self.good = 0
        self.begun_us = self.last_us = 0
        target = plan.target
        self.result = Report(target.hostname, target.port, target.path, plan.concurrency)
        self.result.keep_alive_requests = 0 if plan.keep_alive else None
        self.result.body_sent = 0 if plan.has_body else None
        self.addresses = resolve(target)

    def run(self) -> Report:
        with selectors.DefaultSelector() as self.selector:
            self.begun_us = self.last_us = now_us()
            try:
                for _ in range(min(self.plan.concurrency, self.plan.requests)):
                    self._connect(Connection())
                while self.result.complete < self.plan.requests and not self._is_over():
                    self._turn()
            finally:
                for key in list(self.selector.get_map().values()):
                    key.data.sock.close()
        return self.report()

    def report(self) -> Report:
        self.result.seconds = (self.last_us - self.begun_us) / 1e6
        return self.result

    def interrupted(self) -> Report:
        """The report so far, when the run was stopped from outside."""
        self.last_us = now_us()
        return self.report()

    def _is_over(self) -> bool:
        limit = self.plan.time_limit_s
        return limit is not None and now_us() - self.begun_us >= limit * 1e6

    def _turn(self) -> None:
        limit, idle = self.plan.time_limit_s, self.plan.idle_s
        left = None if limit is None else max(0.0, limit - (now_us() - self.begun_us) / 1e6)
        events = self.selector.select(idle if left is None else min(idle, left))
        if not events and (left is None or left > idle):
            text = f"apr_pollset_poll: The timeout specified has expired ({TIMED_OUT})"
            raise Aborted(text, TIMED_OUT & 0xFF, self.result.complete)
        for key, ready in events:
            connection = key.data
            try:
                if ready & selectors.EVENT_WRITE:
                    self._write(connection)
                else:
                    self._read(connection)
            except OSError as error:
                self._failed(connection, error)
            if self.result.complete >= self.plan.requests:
                return

    def _connect(self, connection: Connection) -> None:
        if self.started >= self.plan.requests:
            return
        self.started += 1
        self._open(connection)

    def _open(self, connection: Connection) -> None:
        family, address = self.addresses[0]
        connection.sock = socket.socket(family, socket.SOCK_STREAM)
        connection.sock.setblocking(False)
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.begin(now_us())
        connection.connected_us = None
        failure = connection.sock.connect_ex(address)
        self.selector.register(connection.sock, selectors.EVENT_WRITE, connection)
        if failure not in (0, errno.EINPROGRESS, errno.EWOULDBLOCK):
            self._failed(connection, OSError(failure, os.strerror(failure)))

    def _write(self, connection: Connection) -> None:
        sock = connection.sock
        if connection.connected_us is None:
            failure = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if failure:
                raise OSError(failure, os.strerror(failure))
            connection.connected_us = now_us()
        request = self.plan.request
        connection.sent += sock.send(request[connection.sent :] if connection.sent else request)
        if connection.sent < len(request):
            return
        connection.written_us = now_us()
        if self.result.body_sent is not None:
            self.result.body_sent += len(request)
        self.selector.modify(sock, selectors.EVENT_READ, connection)

    def _read(self, connection: Connection) -> None:
        try:
            data = connection.sock.recv(65536)
        except BlockingIOError:
            return
        if not data:
            self._closed(connection)
            return
        if not connection.read:
            connection.first_us = now_us()
        connection.read += len(data)
        self.result.total_transferred += len(data)
        if connection.has_head:
            self._body(connection, data)
        else:
            self._head(connection, connection.head + data)
        if connection.length is not None and connection.body >= connection.length:
            self._answered_and_open(connection)

    def _head(self, connection: Connection, data: bytes) -> None:
        end = END_OF_HEAD.search(data)
        connection.head = data
        if not end:
            return
        head = connection.head = data[: end.end()]
        connection.has_head = True
        if not self.good and (server := SERVER.search(head)):
            self.result.software = server[1].decode()
        status = STATUS.match(head)
        if not status or not status[1].startswith(b"2"):
            self.result.non_2xx += 1
        if self.plan.keep_alive and KEEP_ALIVE.search(head):
            length = LENGTH.search(head)
            connection.length = int(length[1]) if length else 0
        self.result.statuses[status[1].decode() if status else "?"] += 1
        self._body(connection, data[end.end() :])

    def _body(self, connection: Connection, data: bytes) -> None:
        if not connection.body:
            self.result.last_body = data[:SHOWN_BODY]
        connection.body += len(data)
        self.result.html_transferred += len(data)

    def _answered_and_open(self, connection: Connection) -> None:
        """Keep-alive: the next request goes over the same connection."""
        assert self.result.keep_alive_requests is not None
        self.result.keep_alive_requests += 1
        self.good += 1
        self._count(connection)
        if self.started >= self.plan.requests:
            self._drop(connection)
            return
        self.started += 1
        connection.begin(now_us())
        connection.connected_us = connection.start_us
        self.selector.modify(connection.sock, selectors.EVENT_WRITE, connection)

    def _closed(self, connection: Connection) -> None:
        """The server closed the connection: the response's end, or, between two requests, its idea of idle."""
        idle = not connection.read and connection.connected_us == connection.start_us
        self._drop(connection)
        if idle:
            self._open(connection)
        else:
            self.good += 1
            self._count(connection)
            self._connect(connection)

    def _count(self, connection: Connection) -> None:
        done, self.last_us = self.result, now_us()
        if self.good == 1:
            done.document_length = connection.body
        elif connection.body != done.document_length:
            done.length_errors += 1
        connected = connection.connected_us or connection.start_us
        wait = connection.first_us - connection.written_us if connection.read else 0
        connect, total = connected - connection.start_us, self.last_us - connection.start_us
        done.timings.append(Timing(connect, max(0, wait), total))
        self.progress(done.complete)

    def _failed(self, connection: Connection, error: OSError) -> None:
        self._drop(connection)
        if not self.good and connection.connected_us is None and len(self.addresses) > 1:
            self.addresses.pop(0)  # localhost is often ::1 first
            self._open(connection)
        elif self.plan.tolerate_errors:
            self.result.receive_errors += 1
            self.result.exceptions += 1
            self._count(connection)
            self._connect(connection)
        else:
            number = error.errno or errno.EIO
            text = f"apr_socket_recv: {os.strerror(number)} ({number})"
            raise Aborted(text, number & 0xFF, self.result.complete) from error

    def _drop(self, connection: Connection) -> None:
        self.selector.unregister(connection.sock)
        connection.sock.close()


def resolve(target: Target) -> list[tuple[socket.AddressFamily, tuple[object, ...]]]:
    """The host's addresses, in the order in which they are to be tried."""
    try:
        found = socket.getaddrinfo(target.hostname, target.port, type=socket.SOCK_STREAM)
    except OSError as error:
        number = 670000 + abs(error.errno or 0)  # APR's numbers for the resolver's errors
        raise Aborted(f"apr_sockaddr_info_get() for {target.hostname}: {error.strerror} ({number})", 50) from error
    return [(family, address) for family, _, _, _, address in found]


def now_us() -> int:
    return time.perf_counter_ns() // 1000
