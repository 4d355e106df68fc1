"""`eventlab load` beside ApacheBench: the same requests, report, messages and exit codes."""

import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlab.commands.ab import Aborted, Report, Target, Timing, bench, main
from eventlab.commands.ab.report import Summary
from eventlab.commands.ab.request import build
from tests.skips import requires_tool

OURS = [sys.executable, "-c", "import sys; from eventlab.commands.ab import main; sys.exit(main(sys.argv[1:]))"]
needs_ab = requires_tool("ab")

BODY = b"This is the default response!\n"
OK = b"HTTP/1.0 200 OK\r\nServer: Test/1.0 (x)\r\nContent-Length: 30\r\n\r\n" + BODY


class Server:
    """A server that gives scripted answers and remembers what it was asked; `hold` keeps it from answering."""

    def __init__(self, answer=lambda number: OK, keep_alive=False, reset=False, hold=None):
        self.answer, self.keep_alive, self.reset, self.hold = answer, keep_alive, reset, hold
        self.requests, self.open, self.most_open = [], 0, 0
        self.lock, self.threads = threading.Lock(), []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/a?b=1"

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.open += 1
                self.most_open = max(self.most_open, self.open)
            thread = threading.Thread(target=self.serve, args=(connection,))
            self.threads.append(thread)
            thread.start()

    def serve(self, connection):
        with connection:
            try:
                while data := connection.recv(65536):
                    with self.lock:
                        self.requests.append(data)
                        number = len(self.requests)
                    if self.hold:
                        self.hold.wait(10)
                    connection.sendall(self.answer(number))
                    if not self.keep_alive:
                        break
            except OSError:
                pass
            if self.reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with self.lock:
            self.open -= 1


@contextmanager
def server(**script):
    scripted = Server(**script)
    acceptor = threading.Thread(target=scripted.accept)
    acceptor.start()
    try:
        yield scripted
    finally:
        scripted.listener.shutdown(socket.SHUT_RDWR)
        scripted.listener.close()
        acceptor.join()
        for thread in scripted.threads:
            thread.join()


def run(command, *arguments):
    return subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=60)


def shape(report):
    """The report's lines without what varies from run to run: times, and the doubts that follow from them."""
    lines = []
    for line in report.split("\n")[3:]:  # after the banner
        if re.match(r"(WARNING|ERROR):|       deviation|        These results", line):
            continue
        line = re.sub(r"\d+\.\d+", "N", line)
        if re.match(r"(Connect|Processing|Waiting|Total): ", line) or re.match(r" +\d+% ", line):
            line = re.sub(r"(?<!\S)\d+(?!\S|%)", lambda number: "N".rjust(len(number[0])), line)
        lines.append(line)
    return lines


def blurred(lines):
    """Numbers of any width look alike."""
    return [re.sub(r" +N", " N", line) for line in lines]


# The statistics and the report: pure


REPORT = """\
Server Software:        gevent
Server Hostname:        localhost
Server Port:            5000

Document Path:          /
Document Length:        30 bytes

Concurrency Level:      2
Time taken for tests:   0.020 seconds
Complete requests:      4
Failed requests:        1
   (Connect: 0, Receive: 0, Length: 1, Exceptions: 0)
Non-2xx responses:      1
Total transferred:      800 bytes
HTML transferred:       120 bytes
Requests per second:    200.00 [#/sec] (mean)
Time per request:       10.000 [ms] (mean)
Time per request:       5.000 [ms] (mean, across all concurrent requests)
Transfer rate:          39.06 [Kbytes/sec] received

Connection Times (ms)
              min  mean[+/-sd] median   max
Connect:        1    1   0.0      1       1
Processing:     1    4   3.7      5       9
Waiting:        0    2   3.2      1       7
Total:          2    5   3.7      6      10

Percentage of the requests served within a certain time (ms)
  50%      6
  66%      6
  75%     10
  80%     10
  90%     10
  95%     10
  98%     10
  99%     10
 100%     10 (longest request)"""


def test_the_report_reads_as_abs():
    report = Report("localhost", 5000, "/", 2, software="gevent", document_length=30, seconds=0.02)
    report.length_errors, report.non_2xx = 1, 1
    report.total_transferred, report.html_transferred = 800, 120
    report.timings = [
        Timing(1000, 400, 2000),
        Timing(1000, 1000, 6000),
        Timing(1000, 300, 2500),
        Timing(1000, 7000, 10000),
    ]

    assert str(report) == REPORT


def test_a_mean_far_from_the_median_is_doubted_in_abs_words():
    doubted = Summary(0, 5, 2.0, 0, 9)
    dubious = Summary(0, 3, 2.0, 0, 9)
    fine = Summary(0, 2, 2.0, 0, 9)

    assert next(doubted.doubts("the total time")).startswith("ERROR: The median and mean for the total time")
    assert next(dubious.doubts("the total time")).startswith("WARNING: The median and mean for the total time")
    assert list(fine.doubts("the total time")) == []


def test_a_run_without_a_completed_request_has_counts_only():
    assert (
        str(Report("localhost", 5000, "/", 1, seconds=2.0)).splitlines()[-1] == "HTML transferred:       0 bytes"
    )


TIMES = st.lists(st.integers(0, 10**8), min_size=2, max_size=200)


@given(TIMES)
def test_percentiles_grow_and_end_at_the_longest_request(times):
    report = Report("h", 80, "/", 1, timings=[Timing(0, 0, time) for time in times])

    found = [report.percentile_ms(percent) for percent in range(101)]

    assert found == sorted(found)
    assert found[-1] == (max(times) + 500) // 1000


@given(TIMES)
def test_a_summary_lies_between_its_extremes(times):
    summary = Summary.of(times)

    assert summary.smallest <= summary.mean <= summary.largest
    assert summary.smallest <= summary.median <= summary.largest


# The request and the URL


def test_the_request_is_abs():
    assert build(Target.parse("http://localhost:5000/a?b=1")) == (
        b"GET /a?b=1 HTTP/1.0\r\nHost: localhost:5000\r\nUser-Agent: ApacheBench/2.3\r\nAccept: */*\r\n\r\n"
    )


def test_a_header_replaces_abs_own_of_that_name():
    request = build(Target.parse("h:1/"), ["Host: user1.comcast.com", "user-agent: x", "X-A: 1", "X-A: 2"])

    assert request == (
        b"GET / HTTP/1.0\r\nHost: user1.comcast.com\r\nuser-agent: x\r\nX-A: 1\r\nX-A: 2\r\nAccept: */*\r\n\r\n"
    )


def test_a_header_cannot_bring_a_line_of_its_own():
    with pytest.raises(ValueError, match="line break"):
        build(Target.parse("h:1/"), ["X-A: 1\r\nX-B: 2"])


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("http://localhost:5000/", ("localhost", 5000, "/")),
        ("localhost/a?b=c#d", ("localhost", 80, "/a?b=c#d")),
        ("http://[::1]:5000/x", ("::1", 5000, "/x")),
    ],
)
def test_urls_with_a_path_are_taken_apart(url, parts):
    target = Target.parse(url)

    assert (target.hostname, target.port, target.path) == parts


@pytest.mark.parametrize("url", ["", "foo", "http://localhost:5000", "http://h:99999/", "http:///x", "ftp://x/"])
def test_urls_that_ab_calls_invalid_are(url):
    with pytest.raises(ValueError, match="invalid URL"):
        Target.parse(url)


# The load


def test_bench_sends_the_requests_and_counts_the_answers():
    with server() as scripted:
        report = bench(scripted.url, requests=25, concurrency=4, headers={"Host": "user2.att.com"})

    assert (report.complete, report.failed, report.non_2xx) == (25, 0, 0)
    assert (report.document_length, report.software) == (30, "Test/1.0")
    assert report.statuses == {"200": 25}
    assert len(report.last_body) == 30
    assert len(scripted.requests) == 25
    assert all(b"\r\nHost: user2.att.com\r\n" in request for request in scripted.requests)


def test_that_many_requests_are_made_at_a_time():
    held = threading.Event()
    with server(hold=held) as scripted:
        loading = threading.Thread(target=bench, args=(scripted.url, 30, 10))
        loading.start()
        while len(scripted.requests) < 10:
            time.sleep(0.01)
        held.set()
        loading.join()

    assert scripted.most_open == 10
    assert len(scripted.requests) == 30


def test_a_host_that_refuses_is_an_error_with_its_reason():
    with server() as scripted:
        url = scripted.url

    with pytest.raises(Aborted, match=r"apr_socket_recv: Connection refused"):
        bench(url)


def test_localhost_is_reached_on_whichever_of_its_addresses_answers():
    with server() as scripted:
        assert bench(f"http://localhost:{scripted.port}/").complete == 10


def test_a_time_limit_ends_the_run(capfd):
    with server() as scripted:
        begun = time.monotonic()
        assert main(["-q", "-t", "1", scripted.url]) == 0
        took = time.monotonic() - begun

    seconds = float(re.search(r"Time taken for tests: +([\d.]+)", capfd.readouterr().out)[1])
    assert 1 <= took < 1.5
    assert 0.5 < seconds <= took  # as ab counts it: up to the last answer


def test_ctrl_c_prints_the_report_so_far():
    held = threading.Event()
    with server(hold=held, answer=lambda number: OK) as scripted:
        arguments = ["-n", "5", scripted.url]
        with subprocess.Popen([*OURS, *arguments], stdout=subprocess.PIPE, text=True) as process:
            while not scripted.requests:
                assert process.poll() is None
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            printed, _ = process.communicate(timeout=20)
        held.set()

    assert process.returncode == 1
    assert "(be patient)...\n\nServer Software:" in printed
    assert "\nComplete requests:      0\n" in printed


# Side by side with the real one


def keeping_alive(number):
    return OK.replace(b"\r\n\r\n", b"\r\nConnection: keep-alive\r\n\r\n", 1)


SIDE_BY_SIDE = {
    "one": ({}, ["-n", "1"]),
    "three": ({}, ["-n", "3"]),
    "progress": ({}, ["-n", "400", "-c", "8"]),
    "quiet": ({}, ["-n", "400", "-c", "8", "-q"]),
    "headers": ({}, ["-n", "2", "-H", "Host: user1.comcast.com", "-H", "X-A: 1", "-H", "X-A: 2"]),
    "post": ({}, ["-n", "3", "-p", __file__, "-T", "text/x-python"]),
    "post without type": ({}, ["-n", "1", "-p", __file__]),
    "method": ({}, ["-n", "2", "-m", "PUT"]),
    "keep-alive": ({"keep_alive": True, "answer": keeping_alive}, ["-n", "40", "-k", "-c", "2"]),
    "keep-alive refused": ({}, ["-n", "3", "-k"]),
    "lengths": ({"answer": lambda number: OK + b"x" * (number % 2)}, ["-n", "4"]),
    "not found": ({"answer": lambda number: b"HTTP/1.1 404 NOT FOUND\r\n\r\nnope"}, ["-n", "3"]),
    "no answer": ({"answer": lambda number: b""}, ["-n", "3"]),
    "no http": ({"answer": lambda number: b"hello\r\n\r\n"}, ["-n", "3"]),
    "cut head": ({"answer": lambda number: b"HTTP/1.0 200 OK\r\nServer: x\r\n"}, ["-n", "3"]),
    "line feeds only": ({"answer": lambda number: b"HTTP/1.0 200 OK\nServer: x\n\nabc"}, ["-n", "3"]),
    "reset": ({"answer": lambda number: b"", "reset": True}, ["-n", "3"]),
    "reset tolerated": ({"answer": lambda number: b"", "reset": True}, ["-n", "3", "-r"]),
}


@needs_ab
@pytest.mark.parametrize("case", SIDE_BY_SIDE)
def test_the_output_is_that_of_ab(case):
    script, arguments = SIDE_BY_SIDE[case]
    with server(**script) as scripted:
        theirs = run(["ab"], *arguments, scripted.url)
        asked = sorted(scripted.requests)
        scripted.requests.clear()
        ours = run(OURS, *arguments, scripted.url)

    assert sorted(scripted.requests) == asked
    assert blurred(shape(ours.stdout)) == blurred(shape(theirs.stdout))
    assert (ours.returncode, ours.stderr) == (theirs.returncode, theirs.stderr)


@needs_ab
def test_columns_stand_where_abs_stand():
    with server() as scripted:
        theirs = shape(run(["ab"], "-n", "20", scripted.url).stdout)
        ours = shape(run(OURS, "-n", "20", scripted.url).stdout)

    assert [len(line) for line in ours if "N" in line and "[" not in line and "Time" not in line] == [
        len(line) for line in theirs if "N" in line and "[" not in line and "Time" not in line
    ]


MISUSES = [
    [],
    ["-n", "0", "http://127.0.0.1:1/"],
    ["-n", "x", "http://127.0.0.1:1/"],
    ["-n", "2", "-c", "5", "http://127.0.0.1:1/"],
    ["http://127.0.0.1:1/", "-n", "3"],
    ["-n", "3", "foo"],
    ["http://127.0.0.1:1"],
    ["http://127.0.0.1:99999/"],
    ["-n"],
    ["-p", "/no/such/file", "http://127.0.0.1:1/"],
    ["-m", "GET", "-p", __file__, "http://127.0.0.1:1/"],
    ["http://127.0.0.1:1/"],
    ["-n", "3", "http://no-such-host.invalid/"],
]


@needs_ab
@pytest.mark.parametrize("arguments", MISUSES, ids=" ".join)
def test_what_cannot_be_done_is_refused_with_abs_words_and_exit_code(arguments):
    theirs, ours = run(["ab"], *arguments), run(OURS, *arguments)

    assert ours.returncode == theirs.returncode
    assert ours.stderr.split("\nUsage")[0].strip() == theirs.stderr.split("\nUsage")[0].strip()


@needs_ab
def test_a_silent_server_times_out_as_with_ab():
    held = threading.Event()
    with server(hold=held) as scripted:
        theirs, ours = (run(command, "-n", "2", "-s", "1", scripted.url) for command in (["ab"], OURS))
        held.set()

    assert (ours.returncode, ours.stderr) == (theirs.returncode, theirs.stderr)


def test_help_teaches(capsys):
    assert main(["-h"]) == 0

    printed = capsys.readouterr().out
    for option in "ncHpTmqktsrVh":
        assert f"    -{option} " in printed
    assert "Examples" in printed


def test_an_unknown_option_is_refused_with_the_usage(capsys):
    assert main(["-Q", "http://localhost/"]) == 22

    assert capsys.readouterr().err.startswith("ab: illegal option -- Q\nUsage: ab [options]")
