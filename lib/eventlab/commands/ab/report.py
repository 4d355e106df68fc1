"""What a run was like, in ApacheBench 2.3's own words: the statistics and the lines of its report.

Times are whole microseconds until they are printed, as in ab.c (httpd 2.4, `output_results`), its rounding and
its medians included, so that the same measurements give the same text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import NamedTuple

PERCENTAGES = (50, 66, 75, 80, 90, 95, 98, 99, 100)


class Timing(NamedTuple):
    """One request's times in microseconds: until connected, from sent to the first byte, in total."""

    connect: int
    wait: int
    total: int

    @property
    def processing(self) -> int:
        return self.total - self.connect


@dataclass
class Report:
    """The counts and times of a run; `str()` is ab's report."""

    hostname: str
    port: int
    path: str
    concurrency: int
    software: str = ""
    document_length: int = 0
    seconds: float = 0.0
    length_errors: int = 0
    connect_errors: int = 0
    receive_errors: int = 0
    exceptions: int = 0
    non_2xx: int = 0
    keep_alive_requests: int | None = None
    total_transferred: int = 0
    body_sent: int | None = None
    html_transferred: int = 0
    timings: list[Timing] = field(default_factory=list, repr=False)
    statuses: Counter[str] = field(default_factory=Counter, repr=False)
    """How often each status code was the answer: more than ab tells."""
    last_body: bytes = field(default=b"", repr=False)
    """The beginning of the latest answer's body."""

    @property
    def complete(self) -> int:
        return len(self.timings)

    @property
    def failed(self) -> int:
        return self.connect_errors + self.receive_errors + self.length_errors + self.exceptions

    @property
    def requests_per_second(self) -> float:
        return self.complete / self.seconds if self.seconds else 0.0

    def percentile_ms(self, percent: int) -> int:
        """Within how many milliseconds that share of the requests was served; 100 is the longest."""
        total = sorted(timing.total for timing in self.timings)
        return milliseconds(total[min(len(total) * percent // 100, len(total) - 1)])

    def __str__(self) -> str:
        return "\n".join([*self._counts(), *self._rates(), *self._times(), *self._percentages()])

    def _counts(self) -> Iterator[str]:
        yield f"Server Software:        {self.software}"
        yield f"Server Hostname:        {self.hostname}"
        yield f"Server Port:            {self.port}"
        yield ""
        yield f"Document Path:          {self.path}"
        yield f"Document Length:        {self.document_length} bytes"
        yield ""
        yield f"Concurrency Level:      {self.concurrency}"
        yield f"Time taken for tests:   {self.seconds:.3f} seconds"
        yield f"Complete requests:      {self.complete}"
        yield f"Failed requests:        {self.failed}"
        if self.failed:
            yield (
                f"   (Connect: {self.connect_errors}, Receive: {self.receive_errors},"
                f" Length: {self.length_errors}, Exceptions: {self.exceptions})"
            )
        if self.non_2xx:
            yield f"Non-2xx responses:      {self.non_2xx}"
        if self.keep_alive_requests is not None:
            yield f"Keep-Alive requests:    {self.keep_alive_requests}"
        yield f"Total transferred:      {self.total_transferred} bytes"
        if self.body_sent is not None:
            yield f"Total body sent:        {self.body_sent}"
        yield f"HTML transferred:       {self.html_transferred} bytes"

    def _rates(self) -> Iterator[str]:
        if not self.seconds or not self.complete:
            return
        each, kilobytes = self.seconds * 1000 / self.complete, 1024 * self.seconds
        yield f"Requests per second:    {self.requests_per_second:.2f} [#/sec] (mean)"
        yield f"Time per request:       {self.concurrency * each:.3f} [ms] (mean)"
        yield f"Time per request:       {each:.3f} [ms] (mean, across all concurrent requests)"
        yield f"Transfer rate:          {self.total_transferred / kilobytes:.2f} [Kbytes/sec] received"
        if self.body_sent is not None:
            yield f"                        {self.body_sent / kilobytes:.2f} kb/s sent"
            yield f"                        {(self.total_transferred + self.body_sent) / kilobytes:.2f} kb/s total"

    def _times(self) -> Iterator[str]:
        if not self.timings:
            return
        connect = Summary.of([timing.connect for timing in self.timings])
        processing = Summary.of([timing.processing for timing in self.timings])
        wait = Summary.of([timing.wait for timing in self.timings])
        total = Summary.of([timing.total for timing in self.timings])
        yield "\nConnection Times (ms)\n              min  mean[+/-sd] median   max"
        yield f"Connect:    {connect}"
        yield f"Processing: {processing}"
        yield f"Waiting:    {wait}"
        yield f"Total:      {total}"
        yield from connect.doubts("the initial connection time")
        yield from processing.doubts("the processing time")
        yield from wait.doubts("the waiting time")
        yield from total.doubts("the total time")

    def _percentages(self) -> Iterator[str]:
        if self.complete < 2:
            return
        yield "\nPercentage of the requests served within a certain time (ms)"
        for percent in PERCENTAGES[:-1]:
            yield f"  {percent}%  {self.percentile_ms(percent):5}"
        yield f" 100%  {self.percentile_ms(100):5} (longest request)"


class Summary(NamedTuple):
    """A line of the times' table, in milliseconds."""

    smallest: int
    mean: int
    deviation: float
    median: int
    largest: int

    @classmethod
    def of(cls, times: Sequence[int]) -> Summary:
        """ab's statistics of times in microseconds: a mean cut to whole ones, and its own idea of a median."""
        ordered, count = sorted(times), len(times)
        mean = sum(times) // count
        squares = sum((time - mean) ** 2 for time in times)
        middle = count // 2
        median = (ordered[middle] + ordered[middle + 1]) // 2 if count > 1 and count % 2 else ordered[middle]
        return cls(
            milliseconds(ordered[0]),
            milliseconds(mean),
            sqrt(squares / (count - 1)) / 1000 if count > 1 else 0.0,
            milliseconds(median),
            milliseconds(ordered[-1]),
        )

    def __str__(self) -> str:
        return f"{self.smallest:5} {self.mean:4} {self.deviation:5.1f} {self.median:6} {self.largest:7}"

    def doubts(self, what: str) -> Iterator[str]:
        """What ab says when mean and median are far apart."""
        apart = abs(self.mean - self.median)
        if apart > 2 * self.deviation:
            yield f"ERROR: The median and mean for {what} are more than twice the standard"
            yield "       deviation apart. These results are NOT reliable."
        elif apart > self.deviation:
            yield f"WARNING: The median and mean for {what} are not within a normal deviation"
            yield "        These results are probably not that reliable."


def milliseconds(microseconds: int) -> int:
    return (microseconds + 500) // 1000
