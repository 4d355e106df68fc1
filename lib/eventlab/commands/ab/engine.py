"""The load generator: non-blocking sockets in one selector loop, as in ab.c."""

import errno
import os
import re
import selectors
import socket
import sys
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from time import perf_counter_ns, time_ns

from eventlab.commands.ab.plan import Plan
from eventlab.commands.ab.report import Report, Timing
from eventlab.errors import EventlabError

END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
SERVER = re.compile(rb"server: ([!-~]*)", re.IGNORECASE)
STATUS = re.compile(rb"HTTP/\d\.\d (\d{3})")
LENGTH = re.compile(rb"\ncontent-length: *(\d+)", re.IGNORECASE)
KEEP_ALIVE = re.compile(rb"\nconnection: *keep-alive", re.IGNORECASE)
LAST_BODY_BYTES = 500
PRINTED_BYTES = 8191  # what fits into ab's buffer for headers
TIMED_OUT = 70007  # APR_TIMEUP, whose text and number ab prints


class Aborted(EventlabError):
    """The run cannot continue; `code` is the exit code of `ab`, `complete` the number of complete requests."""

    def __init__(self, message: str, code: int, complete: int = 0) -> None:
        super().__init__(message)
        self.code, self.complete = code, complete


@dataclass(slots=True)
class Exchange:
    """A request and its response: times in nanoseconds, and what is received so far."""

    start_ns: int
    connected_ns: int = 0
    written_ns: int = 0
    first_byte_ns: int = 0
    body: int = 0
    head: bytes = b""
    has_head: bool = False
    body_length: int | None = None  # None: the response ends when the server closes the connection


class Engine:
    """Executes a plan; `progress` receives the number of complete requests and may raise to end the run."""

    def __init__(self, plan: Plan, progress: Callable[[int], None] = lambda complete: None) -> None:
        self.plan, self.progress, self.report = plan, progress, Report(plan)
        try:
            self.addresses = socket.getaddrinfo(plan.hostname, plan.port, type=socket.SOCK_STREAM)
        except OSError as error:
            number = 670000 + abs(error.errno or 0)  # APR's numbers for the resolver's errors
            raise self._aborted(f"apr_sockaddr_info_get() for {plan.hostname}", number, error.strerror) from error
        self._started = self._responses = 0
        self._epoch_ns = time_ns() - perf_counter_ns()

    def run(self) -> Report:
        """Send the requests and return the report; after an exception, `report` has the completed ones.

        Raises:
            Aborted: A socket fails or no response arrives in time.
        """
        plan, report = self.plan, self.report
        self._begin_ns = perf_counter_ns()
        end_ns = self._begin_ns + (plan.time_limit_s * 1e9 or float("inf"))
        slots = [self._requests(slot) for slot in range(min(plan.concurrency, plan.requests))]
        with selectors.DefaultSelector() as self._selector:
            try:
                for steps in slots:
                    next(steps, None)
                while report.complete < plan.requests and (left_s := (end_ns - perf_counter_ns()) / 1e9) > 0:
                    events = self._selector.select(min(plan.timeout_s, left_s))
                    if not events and left_s > plan.timeout_s:
                        raise self._aborted("apr_pollset_poll", TIMED_OUT, "The timeout specified has expired")
                    for key, _ in events:
                        if report.complete < plan.requests:
                            next(slots[key.data], None)
            except BaseException:
                report.seconds = (perf_counter_ns() - self._begin_ns) / 1e9
                raise
            finally:
                for steps in slots:
                    steps.close()
        return report

    def _requests(self, slot: int) -> Generator[None, None, None]:
        """Send requests in this slot, one of the concurrent ones; yield while its socket is not ready."""
        while self._started < self.plan.requests:
            self._started += 1
            yield from self._connection(slot)

    def _connection(self, slot: int) -> Iterator[None]:
        """Send requests over one connection."""
        exchange, address = Exchange(perf_counter_ns()), self.addresses[0]
        try:
            sock = socket.socket(address[0], socket.SOCK_STREAM)
        except OSError as error:
            raise self._aborted("socket", error.errno) from error
        self._selector.register(sock, selectors.EVENT_WRITE, slot)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            code = sock.connect_ex(address[-1])
            if code in (0, errno.EINPROGRESS, errno.EWOULDBLOCK):
                yield
                code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                raise OSError(code, os.strerror(code))
            exchange.connected_ns = perf_counter_ns()
            while (yield from self._exchange(sock, slot, exchange)):
                self.report.keep_alive_requests += 1
                self._count(exchange)
                if self._started >= self.plan.requests:
                    return
                self._started += 1
                exchange = Exchange(now := perf_counter_ns(), now)
            if exchange.first_byte_ns or exchange.connected_ns > exchange.start_ns:
                self._count(exchange)
            else:
                self._started -= 1  # the server closed an idle connection: send the request again
        except OSError as error:
            self._failed(exchange, address, error)
        finally:
            self._selector.unregister(sock)
            sock.close()

    def _exchange(self, sock: socket.socket, slot: int, exchange: Exchange) -> Generator[None, None, bool]:
        """Send the request and receive the response; return whether the connection stays open."""
        sent, request, report = 0, self.plan.request, self.report
        while sent < len(request):
            try:
                sent += sock.send(request[sent:])
            except BlockingIOError:
                self._selector.modify(sock, selectors.EVENT_WRITE, slot)
                yield
        exchange.written_ns = perf_counter_ns()
        report.total_sent += sent
        self._selector.modify(sock, selectors.EVENT_READ, slot)
        while exchange.body_length is None or exchange.body < exchange.body_length:
            yield
            try:
                data = sock.recv(65536)
            except BlockingIOError:  # Linux may report a socket as ready that is not
                continue
            if not data:
                return False
            exchange.first_byte_ns = exchange.first_byte_ns or perf_counter_ns()
            report.total_transferred += len(data)
            if not exchange.has_head:
                data = self._receive_head(exchange, data)
            if not exchange.body:
                report.last_body = data[:LAST_BODY_BYTES]
            exchange.body += len(data)
            report.html_transferred += len(data)
        return True

    def _receive_head(self, exchange: Exchange, data: bytes) -> bytes:
        """Parse the head when it is complete; return the part of the body that follows it."""
        data = exchange.head = exchange.head + data
        if self.plan.verbosity >= 2:
            print(f"LOG: header received:\n{data[:PRINTED_BYTES].decode(errors='replace')}")
        end = END_OF_HEAD.search(data)
        if not end:
            return b""
        head = data[: end.end()]
        exchange.has_head = True
        if not self._responses and (server := SERVER.search(head)):
            self.report.software = server[1].decode()
        match = STATUS.match(head)
        status = match[1].decode() if match else "?"
        self.report.statuses[status] += 1
        if not status.startswith("2"):
            self.report.non_2xx += 1
            if self.plan.verbosity >= 2:
                print(f"WARNING: Response code not 2xx ({status.replace('?', '500')})")
        elif self.plan.verbosity >= 3:
            print(f"LOG: Response code = {status}")
        if self.plan.keep_alive and KEEP_ALIVE.search(head):
            length = LENGTH.search(head) if self.plan.method != "HEAD" else None
            exchange.body_length = int(length[1]) if length else 0
        return data[end.end() :]

    def _count(self, exchange: Exchange, is_response: bool = True) -> None:
        report, start, now = self.report, exchange.start_ns, perf_counter_ns()
        report.seconds = (now - self._begin_ns) / 1e9
        self._responses += is_response
        if self._responses == 1:
            report.document_length = exchange.body
        elif exchange.body != report.document_length and not self.plan.variable_length:
            report.length_errors += 1
        connect = (exchange.connected_ns or start) - start
        wait = max(0, exchange.first_byte_ns - exchange.written_ns)
        total, epoch = now - start, self._epoch_ns + start
        report.timings.append(Timing(connect // 1000, wait // 1000, total // 1000, epoch // 1000))
        self.progress(report.complete)

    def _failed(self, exchange: Exchange, address: tuple, error: OSError) -> None:
        """Count the error, or send the request again to the host's next address."""
        if not self._responses and not exchange.connected_ns and address != self.addresses[-1]:
            self._started -= 1
            if address == self.addresses[0]:  # otherwise another slot has removed it
                self.addresses.pop(0)
            return
        aborted = self._aborted("apr_socket_recv", error.errno)
        if not self.plan.tolerate_errors:
            raise aborted from error
        if self.plan.verbosity >= 1:
            print(aborted, file=sys.stderr)
        self.report.receive_errors += 1
        self._count(exchange, is_response=False)

    def _aborted(self, operation: str, number: int | None, reason: str | None = None) -> Aborted:
        """Return the error with the text of `ab` for this error number."""
        number = number or errno.EIO
        message = f"{operation}: {reason or os.strerror(number)} ({number})"
        return Aborted(message, number & 0xFF, self.report.complete)
