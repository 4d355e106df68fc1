"""The result of a run: the statistics and the text of ApacheBench 2.3's report.

Times are whole microseconds until they are printed. Rounding and medians are those of ab.c (httpd 2.4,
`output_results`), so that equal measurements give equal text.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import NamedTuple

from eventlab.commands.ab.plan import Plan

PERCENTAGES = (50, 66, 75, 80, 90, 95, 98, 99)
TIMES = {"Connect": "initial connection", "Processing": "processing", "Waiting": "waiting", "Total": "total"}
ERROR = """\
ERROR: The median and mean for the {} time are more than twice the standard
       deviation apart. These results are NOT reliable."""
WARNING = """\
WARNING: The median and mean for the {} time are not within a normal deviation
        These results are probably not that reliable."""


class Timing(NamedTuple):
    """The times of one request in microseconds: `wait` ends at the first byte, `start` counts from the epoch."""

    connect: int
    wait: int
    total: int
    start: int = 0


@dataclass
class Report:
    """Counts and times of a run; `str()` is the report of `ab`.

    Attributes:
        software: The `Server` header of the first response.
        document_length: Length of the first body; a body of another length is a length error.
        total_transferred: Bytes received.
        html_transferred: Bytes received in bodies.
        statuses: How often each status code was received; `ab` does not report it.
        last_body: First bytes of the latest body; `ab` does not report it.
    """

    plan: Plan
    software: str = ""
    document_length: int = 0
    seconds: float = 0.0
    length_errors: int = 0
    receive_errors: int = 0
    non_2xx: int = 0
    keep_alive_requests: int = 0
    total_sent: int = 0
    total_transferred: int = 0
    html_transferred: int = 0
    timings: list[Timing] = field(default_factory=list, repr=False)
    statuses: Counter[str] = field(default_factory=Counter, repr=False)
    last_body: bytes = field(default=b"", repr=False)

    @property
    def complete(self) -> int:
        """Return the number of complete requests."""
        return len(self.timings)

    @property
    def failed(self) -> int:
        """Return the number of errors; like `ab`, count a socket error as a receive error and as an exception."""
        return 2 * self.receive_errors + self.length_errors

    @property
    def requests_per_second(self) -> float:
        """Return the rate, or 0 if the run has no duration."""
        return self.complete / self.seconds if self.seconds else 0.0

    def percentile_ms(self, percent: int) -> int:
        """Return the milliseconds within which this share of the requests was served."""
        total = sorted(timing.total for timing in self.timings)
        return milliseconds(total[min(len(total) * percent // 100, len(total) - 1)])

    def text(self, confidence: bool = True, percentiles: bool = True) -> str:
        """Return the report, without deviations and warnings (-S) or without percentiles (-d) if asked."""
        lines = [*self._counts(), *self._rates(), *self._times(confidence)]
        return "\n".join([*lines, *self._percentiles()] if percentiles else lines)

    __str__ = text

    def csv(self) -> str:
        """Return the table of option -e: the milliseconds within which each percentage was served."""
        total = sorted(timing.total for timing in self.timings)
        ranks = [min(int(0.5 + len(total) * percent / 100), len(total) - 1) for percent in range(101)]
        rows = [f"{percent},{total[rank] / 1000:.3f}\n" for percent, rank in enumerate(ranks)]
        return "".join(["Percentage served,Time in ms\n", *rows])

    def gnuplot(self) -> str:
        """Return the table of option -g: the times of all requests in milliseconds, the shortest first."""
        rows = ["starttime\tseconds\tctime\tdtime\tttime\twait\n"]
        for connect, wait, total, start in sorted(self.timings, key=lambda timing: timing.total):
            second = start // 1_000_000
            times = [milliseconds(value) for value in (connect, total - connect, total, wait)]
            date = time.strftime("%a %b %d %H:%M:%S %Y", time.localtime(second))
            rows.append("\t".join(map(str, [date, second, *times])) + "\n")
        return "".join(rows)

    def _counts(self) -> Iterator[str]:
        plan, errors = self.plan, self.receive_errors
        kinds = f"\n   (Connect: 0, Receive: {errors}, Length: {self.length_errors}, Exceptions: {errors})"
        rows = {
            "Server Software": self.software,
            "Server Hostname": plan.hostname,
            "Server Port": f"{plan.port}\n",
            "Document Path": plan.path,
            "Document Length": "Variable\n" if plan.variable_length else f"{self.document_length} bytes\n",
            "Concurrency Level": plan.concurrency,
            "Time taken for tests": f"{self.seconds:.3f} seconds",
            "Complete requests": self.complete,
            "Failed requests": f"{self.failed}{kinds if self.failed else ''}",
            "Non-2xx responses": self.non_2xx or None,
            "Keep-Alive requests": self.keep_alive_requests if plan.keep_alive else None,
            "Total transferred": f"{self.total_transferred} bytes",
            "Total body sent": None if plan.body is None else self.total_sent,
            "HTML transferred": f"{self.html_transferred} bytes",
        }
        return (f"{name + ':':<24}{value}" for name, value in rows.items() if value is not None)

    def _rates(self) -> Iterator[str]:
        if rate := self.requests_per_second:
            kilobytes = 1024 * self.seconds
            received, sent = self.total_transferred / kilobytes, self.total_sent / kilobytes
            yield f"Requests per second:    {rate:.2f} [#/sec] (mean)"
            yield f"Time per request:       {self.plan.concurrency * 1000 / rate:.3f} [ms] (mean)"
            yield f"Time per request:       {1000 / rate:.3f} [ms] (mean, across all concurrent requests)"
            yield f"Transfer rate:          {received:.2f} [Kbytes/sec] received"
            if self.plan.body is not None:
                yield f"                        {sent:.2f} kb/s sent"
                yield f"                        {received + sent:.2f} kb/s total"

    def _times(self, confidence: bool) -> Iterator[str]:
        if not self.timings:
            return
        columns = zip(*((t.connect, t.total - t.connect, t.wait, t.total) for t in self.timings), strict=True)
        rows = dict(zip(TIMES, map(statistics, columns), strict=True))
        yield "\nConnection Times (ms)"
        yield "              min  mean[+/-sd] median   max" if confidence else "              min   avg   max"
        for name, (low, mean, deviation, median, high) in rows.items():
            middle = f"{mean:4} {deviation:5.1f} {median:6} {high:7}" if confidence else f"{mean:5}{high:5}"
            yield f"{name + ':':<12}{low:5} {middle}"
        for name, (_, mean, deviation, median, _) in rows.items() if confidence else ():
            if abs(mean - median) > deviation:
                yield (ERROR if abs(mean - median) > 2 * deviation else WARNING).format(TIMES[name])

    def _percentiles(self) -> Iterator[str]:
        if self.complete > 1:
            yield "\nPercentage of the requests served within a certain time (ms)"
            yield from (f"  {percent}%  {self.percentile_ms(percent):5}" for percent in PERCENTAGES)
            yield f" 100%  {self.percentile_ms(100):5} (longest request)"


def statistics(times: Sequence[int]) -> tuple[int, int, float, int, int]:
    """Return minimum, mean, standard deviation, median and maximum of microseconds, in milliseconds.

    As in ab.c, the mean is truncated, and the median of an odd count lies after the one in the middle.
    """
    ordered, count = sorted(times), len(times)
    mean, middle = sum(times) // count, count // 2
    median = (ordered[middle] + ordered[middle + 1]) // 2 if count > 1 and count % 2 else ordered[middle]
    deviation = sqrt(sum((time - mean) ** 2 for time in times) / (count - 1)) / 1000 if count > 1 else 0.0
    low, mean, median, high = map(milliseconds, (ordered[0], mean, median, ordered[-1]))
    return low, mean, deviation, median, high


def milliseconds(microseconds: int) -> int:
    """Round microseconds to milliseconds."""
    return (microseconds + 500) // 1000
