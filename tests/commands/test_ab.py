"""The kit's `ab` and ApacheBench, side by side: the same requests, report, messages and exit codes."""

import io
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stderr, redirect_stdout

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlab.commands.ab import Aborted, Engine, Plan, Report, Timing, bench, main
from eventlab.commands.ab.report import statistics
from eventlab.settings import ROOT
from tests.bench import api
from tests.skips import requires_tool

OURS = [sys.executable, "-c", "import sys; from eventlab.commands.ab import main; sys.exit(main(sys.argv[1:]))"]
needs_ab = requires_tool("ab")

BODY = b"This is the default response!\n"
OK = b"HTTP/1.0 200 OK\r\nServer: Test/1.0 (x)\r\nContent-Length: 30\r\n\r\n" + BODY


class Server:
    """A server that sends scripted responses and records the requests; it responds after `hold` is set."""

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


def apachebench(*arguments):
    return subprocess.run(["ab", *arguments], capture_output=True, text=True, timeout=60)


def kits_ab(*arguments):
    """Run the kit's `ab` in this process: the result is that of subprocess.run."""
    with redirect_stdout(io.StringIO()) as output, redirect_stderr(io.StringIO()) as errors:
        code = main(list(arguments))
    printed = output.getvalue().replace("\r\n", "\n")
    return subprocess.CompletedProcess(arguments, code, printed, errors.getvalue())


def shape(report):
    """Return the report's lines without what varies from run to run: times, and warnings that depend on them."""
    lines = []
    for line in report.split("\n")[3:]:  # after the banner
        if re.match(r"(WARNING|ERROR): The median|       deviation|        These results", line):
            continue
        line = re.sub(r"\d+\.\d+", "N", line)
        if re.match(r"(Connect|Processing|Waiting|Total): ", line) or re.match(r" +\d+% ", line):
            line = re.sub(r"(?<!\S)\d+(?!\S|%)", lambda number: "N".rjust(len(number[0])), line)
        lines.append(line)
    return lines


def without_widths(lines):
    """Return the lines with numbers of equal width."""
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


def test_the_report_reads_as_that_of_ab():
    report = Report(Plan("http://localhost:5000/", concurrency=2), "gevent", document_length=30, seconds=0.02)
    report.length_errors, report.non_2xx = 1, 1
    report.total_transferred, report.html_transferred = 800, 120
    report.timings = [
        Timing(1000, 400, 2000),
        Timing(1000, 1000, 6000),
        Timing(1000, 300, 2500),
        Timing(1000, 7000, 10000),
    ]

    assert str(report) == REPORT


@pytest.mark.parametrize(
    ("total_us", "warning"),
    [
        ([1000, 1000, 1000], None),
        ([1000, 1000, 2000], "WARNING: The median and mean for the total time are not within"),
        ([1400, 1400, 1601], "ERROR: The median and mean for the total time are more than twice"),
    ],
)
def test_a_mean_far_from_the_median_has_the_warning_of_ab(total_us, warning):
    report = Report(Plan("h/"), timings=[Timing(0, 0, total) for total in total_us])

    printed = [line for line in report.text().splitlines() if "for the total time" in line]

    assert [line[: len(warning or "")] for line in printed] == ([warning] if warning else [])
    assert "The median" not in report.text(confidence=False)


def test_a_run_without_a_completed_request_has_counts_only():
    assert str(Report(Plan("h/"), seconds=2.0)).splitlines()[-1] == "HTML transferred:       0 bytes"


TIMES = st.lists(st.integers(0, 10**8), min_size=2, max_size=200)


@given(TIMES)
def test_percentiles_grow_and_end_at_the_longest_request(times):
    report = Report(Plan("h/"), timings=[Timing(0, 0, time) for time in times])

    found = [report.percentile_ms(percent) for percent in range(101)]

    assert found == sorted(found)
    assert found[-1] == (max(times) + 500) // 1000


@given(TIMES)
def test_mean_and_median_lie_between_minimum_and_maximum(times):
    low, mean, _, median, high = statistics(times)

    assert low <= mean <= high
    assert low <= median <= high


@given(TIMES)
def test_the_csv_table_has_every_percentage_and_grows(times):
    heading, *rows = Report(Plan("h/"), timings=[Timing(0, 0, time) for time in times]).csv().splitlines()
    milliseconds = [float(row.partition(",")[2]) for row in rows]

    assert heading == "Percentage served,Time in ms"
    assert [row.partition(",")[0] for row in rows] == [str(percent) for percent in range(101)]
    assert milliseconds == sorted(milliseconds)
    assert (milliseconds[0], milliseconds[-1]) == (min(times) / 1000, max(times) / 1000)


# The request and the URL


def test_the_request_is_that_of_ab():
    assert Plan("http://localhost:5000/a?b=1").request == (
        b"GET /a?b=1 HTTP/1.0\r\nHost: localhost:5000\r\nUser-Agent: ApacheBench/2.3\r\nAccept: */*\r\n\r\n"
    )


def test_the_default_port_is_not_in_the_host_header():
    assert b"\r\nHost: localhost\r\n" in Plan("http://localhost:80/").request


def test_a_header_replaces_the_default_of_that_name():
    plan = Plan("h:1/", headers=["Host: user1.comcast.com", "user-agent: x", "X-A: 1", "X-A: 2"])

    assert plan.request == (
        b"GET / HTTP/1.0\r\nHost: user1.comcast.com\r\nuser-agent: x\r\nX-A: 1\r\nX-A: 2\r\nAccept: */*\r\n\r\n"
    )


def test_a_header_cannot_add_a_line():
    with pytest.raises(ValueError, match="line break"):
        Plan("h:1/", headers=["X-A: 1\r\nX-B: 2"])


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("http://localhost:5000/", ("localhost", 5000, "/")),
        ("localhost/a?b=c#d", ("localhost", 80, "/a?b=c#d")),
        ("http://[::1]:5000/x", ("::1", 5000, "/x")),
    ],
)
def test_urls_with_a_path_are_parsed(url, parts):
    plan = Plan(url)

    assert (plan.hostname, plan.port, plan.path) == parts


@pytest.mark.parametrize("url", ["", "foo", "http://localhost:5000", "http://h:99999/", "http:///x", "ftp://x/"])
def test_urls_that_ab_calls_invalid_are(url):
    with pytest.raises(ValueError, match="invalid URL"):
        Plan(url)


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


def test_an_exception_in_the_progress_ends_the_run_with_a_report():
    def stop(complete):
        if complete == 5:
            raise RuntimeError("stop pressed")

    with server() as scripted:
        engine = Engine(Plan(scripted.url, requests=20), stop)
        with pytest.raises(RuntimeError, match="stop pressed"):
            engine.run()

    assert engine.report.complete == 5
    assert engine.report.seconds > 0


def test_a_host_that_refuses_is_an_error_with_its_reason():
    with server() as scripted:
        url = scripted.url

    with pytest.raises(Aborted, match=r"apr_socket_recv: Connection refused"):
        bench(url)


def test_localhost_is_reached_on_whichever_of_its_addresses_answers(monkeypatch):
    resolve = socket.getaddrinfo

    def ipv6_first(host, port, *arguments, **options):
        ipv6 = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0))
        return [ipv6, *resolve("127.0.0.1", port, *arguments, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", ipv6_first)
    with server() as scripted:
        assert bench(f"http://localhost:{scripted.port}/").complete == 10


def test_all_slots_move_on_from_an_address_that_refuses():
    with server() as closed:
        refuses = closed.port
    with server() as scripted:
        engine = Engine(Plan(scripted.url, requests=30, concurrency=10))
        engine.addresses = [(*engine.addresses[0][:-1], ("127.0.0.1", refuses)), *engine.addresses]
        report = engine.run()

    assert (report.complete, report.failed) == (30, 0)


def test_a_time_limit_ends_the_run():
    held = threading.Event()

    def answer(number):
        if number > 3:
            held.wait(10)
        return OK

    with server(answer=answer) as scripted:
        begin = time.monotonic()
        result = kits_ab("-q", "-t", "1", scripted.url)
        seconds = time.monotonic() - begin
        held.set()

    assert result.returncode == 0
    assert 1 <= seconds < 1.5
    assert "Complete requests:      3\n" in result.stdout
    assert float(re.search(r"Time taken for tests: +([\d.]+)", result.stdout)[1]) < 1  # ends at the last response


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
    "progress": ({}, ["-n", "300", "-c", "8"]),
    "quiet": ({}, ["-n", "300", "-c", "8", "-q"]),
    "headers": ({}, ["-n", "2", "-H", "Host: user1.comcast.com", "-H", "X-A: 1", "-H", "X-A: 2"]),
    "cookies": ({}, ["-n", "2", "-C", "a=1", "-C", "b=2"]),
    "passwords": ({}, ["-n", "2", "-A", "me:secret", "-A", " you:secret", "-H", "X-A: 1"]),
    "post": ({}, ["-n", "3", "-p", __file__, "-T", "text/x-python"]),
    "post without type": ({}, ["-n", "1", "-p", __file__]),
    "post as another method": ({}, ["-n", "1", "-p", __file__, "-m", "PATCH"]),
    "put": ({}, ["-n", "2", "-u", __file__, "-C", "a=1", "-A", "me:secret", "-k"]),
    "head": ({"answer": lambda number: OK.removesuffix(BODY)}, ["-n", "2", "-i"]),
    "method": ({}, ["-n", "2", "-m", "PUT"]),
    "keep-alive": ({"keep_alive": True, "answer": keeping_alive}, ["-n", "40", "-k", "-c", "2"]),
    "keep-alive refused": ({}, ["-n", "3", "-k"]),
    "keep-alive head": (
        {"keep_alive": True, "answer": lambda number: keeping_alive(number).removesuffix(BODY)},
        ["-n", "4", "-k", "-i"],
    ),
    "lengths": ({"answer": lambda number: OK + b"x" * (number % 2)}, ["-n", "4"]),
    "lengths accepted": ({"answer": lambda number: OK + b"x" * (number % 2)}, ["-n", "4", "-l"]),
    "not found": ({"answer": lambda number: b"HTTP/1.1 404 NOT FOUND\r\n\r\nnope"}, ["-n", "3"]),
    "no answer": ({"answer": lambda number: b""}, ["-n", "3"]),
    "no http": ({"answer": lambda number: b"hello\r\n\r\n"}, ["-n", "3"]),
    "cut head": ({"answer": lambda number: b"HTTP/1.0 200 OK\r\nServer: x\r\n"}, ["-n", "3"]),
    "line feeds only": ({"answer": lambda number: b"HTTP/1.0 200 OK\nServer: x\n\nabc"}, ["-n", "3"]),
    "reset": ({"answer": lambda number: b"", "reset": True}, ["-n", "3"]),
    "reset tolerated": ({"answer": lambda number: b"", "reset": True}, ["-n", "3", "-r"]),
    "reset reported": ({"answer": lambda number: b"", "reset": True}, ["-n", "3", "-r", "-v", "1"]),
    "verbosity 1": ({}, ["-n", "2", "-v", "1"]),
    "verbosity 2": ({}, ["-n", "2", "-v", "2", "-p", __file__]),
    "verbosity 3": ({}, ["-n", "2", "-v", "3"]),
    "verbosity 4": ({}, ["-n", "2", "-v", "4", "-i"]),
    "not found, verbose": ({"answer": lambda number: b"HTTP/1.1 404 NOT FOUND\r\n\r\nnope"}, ["-v", "4"]),
    "no http, verbose": ({"answer": lambda number: b"hello\r\n\r\n"}, ["-v", "4"]),
    "without percentiles": ({}, ["-n", "3", "-d"]),
    "without confidence": ({}, ["-n", "3", "-S"]),
    "csv not writable": ({}, ["-n", "2", "-e", "/no/such/folder/percentages.csv"]),
    "gnuplot not writable": ({}, ["-n", "2", "-g", "/no/such/folder/times.tsv"]),
}


@needs_ab
@pytest.mark.parametrize("case", SIDE_BY_SIDE)
def test_the_output_is_that_of_ab(case):
    script, arguments = SIDE_BY_SIDE[case]
    with server(**script) as scripted:
        expected = apachebench(*arguments, scripted.url)
        requests = sorted(scripted.requests)
        scripted.requests.clear()
        result = kits_ab(*arguments, scripted.url)

    assert sorted(scripted.requests) == requests
    assert without_widths(shape(result.stdout)) == without_widths(shape(expected.stdout))
    assert (result.returncode, result.stderr) == (expected.returncode, expected.stderr)


@needs_ab
@pytest.mark.parametrize("options", [[], ["-S"]])
def test_columns_stand_where_those_of_ab_stand(options):
    with server() as scripted:
        reports = [run("-n", "20", *options, scripted.url).stdout for run in (kits_ab, apachebench)]
    widths, expected = (
        [
            len(line)
            for line in report.splitlines()
            if re.match(r"(Connect|Processing|Waiting|Total): | +\d+% ", line)
        ]
        for report in reports
    )

    assert len(widths) == 13
    assert widths == expected


@needs_ab
@pytest.mark.parametrize("requests", ["1", "7"])
def test_the_files_are_those_of_ab(tmp_path, requests):
    csv, gnuplot = [], []
    with server() as scripted:
        for run in (kits_ab, apachebench):
            run("-n", requests, "-e", f"{tmp_path}/csv", "-g", f"{tmp_path}/gnuplot", scripted.url)
            csv.append((tmp_path / "csv").read_text())
            gnuplot.append((tmp_path / "gnuplot").read_text())

    percentages, expected = (re.sub(r"\d+\.\d{3}\n", "N\n", table) for table in csv)
    assert percentages == expected
    rows, expected = (
        re.sub(r"\w{3} \w{3} \d\d \d\d:\d\d:\d\d \d{4}\t\d{10}(\t\d+){4}\n", "row\n", table) for table in gnuplot
    )
    assert rows == expected
    assert rows.count("row\n") == int(requests)


def test_the_gnuplot_table_has_the_start_and_the_times_of_the_shortest_request_first():
    long, short = Timing(1000, 2000, 9000, 1_700_000_000_000_000), Timing(1000, 3000, 6000, 1_700_000_001_999_999)

    rows = Report(Plan("h/"), timings=[long, short]).gnuplot().splitlines()[1:]

    assert [row.split("\t")[1:] for row in rows] == [
        ["1700000001", "1", "5", "6", "3"],
        ["1700000000", "1", "8", "9", "2"],
    ]


def test_the_benchmarks_command_runs_without_apachebench(monkeypatch):
    monkeypatch.setattr(api.shutil, "which", lambda name: str(ROOT / "stack" / "bin" / "fallback" / name))
    with server(answer=lambda number: OK + b"x" * (number % 2)) as scripted:
        load = api.load(scripted.url, 20, 4)

    assert load.answered == 20
    assert load.requests_per_second > 0


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
    ["-u", "/no/such/file", "http://127.0.0.1:1/"],
    ["-m", "GET", "-p", __file__, "http://127.0.0.1:1/"],
    ["-i", "-p", __file__, "http://127.0.0.1:1/"],
    ["-p", __file__, "-i", "http://127.0.0.1:1/"],
    ["-p", __file__, "-u", __file__, "http://127.0.0.1:1/"],
    ["-c", "-1", "http://127.0.0.1:1/"],
    ["-n", "300000", "-c", "200001", "http://127.0.0.1:1/"],
    ["http://127.0.0.1:1/"],
    ["-n", "3", "http://no-such-host.invalid/"],
]


@needs_ab
@pytest.mark.parametrize("arguments", MISUSES, ids=" ".join)
def test_what_cannot_be_done_has_the_message_and_exit_code_of_ab(arguments):
    expected, result = apachebench(*arguments), kits_ab(*arguments)

    assert result.returncode == expected.returncode
    assert result.stderr.split("\nUsage")[0].strip() == expected.stderr.split("\nUsage")[0].strip()


@needs_ab
def test_too_many_connections_have_the_message_and_exit_code_of_ab():
    with server() as scripted:
        limited = ["sh", "-c", 'ulimit -n 40; exec "$@"', "sh"]
        expected, result = (
            subprocess.run(
                [*limited, *command, "-n", "90", "-c", "80", scripted.url], capture_output=True, text=True
            )
            for command in (["ab"], OURS)
        )

    assert (result.returncode, result.stderr) == (expected.returncode, expected.stderr)


@needs_ab
def test_a_silent_server_times_out_as_with_ab():
    held = threading.Event()
    with server(hold=held) as scripted, ThreadPoolExecutor() as pool:
        runs = [pool.submit(run, "-n", "2", "-s", "1", scripted.url) for run in (apachebench, kits_ab)]
        expected, result = (run.result() for run in runs)
        held.set()

    assert (result.returncode, result.stderr) == (expected.returncode, expected.stderr)


def test_help_lists_the_options():
    result = kits_ab("-h")

    assert result.returncode == 0
    for option in "ncHpuTmiCAqlkdSvegtsrVh":
        assert f"    -{option} " in result.stdout
    assert "Examples" in result.stdout


def test_an_unknown_option_is_refused_with_the_usage():
    result = kits_ab("-Q", "http://localhost/")

    assert result.returncode == 22
    assert result.stderr.startswith("ab: illegal option -- Q\nUsage: ab [options]")


@pytest.mark.parametrize("option", "bBwxyzPXIZfE")
def test_an_option_that_is_not_supported_is_named(option):
    value = [] if option in "wI" else ["1"]
    result = kits_ab("-n", "1", f"-{option}", *value, "http://127.0.0.1:1/")

    assert result.returncode == 22
    assert result.stderr == f"ab: eventlab's ab does not support option -{option} of ApacheBench; see ab -h\n"


@needs_ab
def test_every_option_of_ab_is_listed_or_named_as_not_supported():
    options = re.findall(r"^    -(\w) ( ?)", apachebench("-h").stderr, re.MULTILINE)
    listed = kits_ab("-h").stdout

    assert len(options) > 30
    for option, is_flag in options:
        arguments = [f"-{option}", *([] if is_flag else ["1"])]
        named = f"does not support option -{option} of ApacheBench" in kits_ab(*arguments, "http://h:1/x").stderr
        assert (f"    -{option} " in listed) != named
