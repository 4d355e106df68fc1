"""The kit's `ab`: its requests, its load on a server, and its options."""

import signal
import socket
import subprocess
import threading
import time

import pytest

from eventlab.commands.ab import Aborted, Engine, Plan, bench
from eventlab.settings import ROOT
from tests.bench import api
from tests.commands.ab_server import OK, OURS, kits_ab, server
from tests.helpers import Stopwatch, first_group
from tests.servers import closed_address


def test_the_request_equals_that_of_ab():
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
def test_urls_that_are_invalid_for_ab_are_refused(url):
    with pytest.raises(ValueError, match="invalid URL"):
        Plan(url)


def test_bench_sends_the_requests_and_counts_the_answers():
    with server() as scripted:
        report = bench(scripted.url, requests=25, concurrency=4, headers={"Host": "user2.att.com"})

    assert (report.complete, report.failed, report.non_2xx) == (25, 0, 0)
    assert (report.document_length, report.software) == (30, "Test/1.0")
    assert report.statuses == {"200": 25}
    assert len(report.last_body) == 30
    assert len(scripted.requests) == 25
    assert all(b"\r\nHost: user2.att.com\r\n" in request for request in scripted.requests)


def test_bench_sends_as_many_requests_at_a_time_as_the_concurrency():
    release = threading.Event()
    with server(hold=release) as scripted:
        loading = threading.Thread(target=bench, args=(scripted.url, 30, 10))
        loading.start()
        while len(scripted.requests) < 10:
            time.sleep(0.01)
        time.sleep(0.2)
        held = scripted.most_open, len(scripted.requests)
        release.set()
        loading.join()

    assert held == (10, 10)
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
    with closed_address() as closed, pytest.raises(Aborted, match="apr_socket_recv: Connection refused"):
        bench(f"http://{closed}/")


def test_localhost_is_reached_at_the_address_that_answers(monkeypatch):
    resolve = socket.getaddrinfo

    def ipv6_first(host, port, *arguments, **options):
        ipv6 = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0))
        return [ipv6, *resolve("127.0.0.1", port, *arguments, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", ipv6_first)
    with server() as scripted:
        assert bench(f"http://localhost:{scripted.port}/").complete == 10


def test_all_connections_use_the_address_that_does_not_refuse():
    with closed_address() as closed, server() as scripted:
        engine = Engine(Plan(scripted.url, requests=30, concurrency=10))
        port = int(closed.rpartition(":")[2])
        engine.addresses = [(*engine.addresses[0][:-1], ("127.0.0.1", port)), *engine.addresses]
        report = engine.run()

    assert (report.complete, report.failed) == (30, 0)


def test_a_time_limit_ends_the_run():
    release = threading.Event()

    def answer(number):
        if number > 3:
            release.wait(10)
        return OK

    with server(answer=answer) as scripted:
        taken, begin = Stopwatch(), time.monotonic()
        result = kits_ab("-q", "-t", "1", scripted.url)
        seconds, all_seconds = taken.seconds, time.monotonic() - begin
        release.set()

    assert result.returncode == 0
    assert all_seconds >= 1
    assert seconds < 1.5
    assert "Complete requests:      3\n" in result.stdout
    assert float(first_group(r"Time taken for tests: +([\d.]+)", result.stdout)) < 1  # ends at the last response


@pytest.mark.programs
def test_ctrl_c_prints_the_report_so_far():
    release = threading.Event()
    with server(hold=release, answer=lambda number: OK) as scripted:
        arguments = ["-n", "5", scripted.url]
        with subprocess.Popen([*OURS, *arguments], stdout=subprocess.PIPE, text=True) as process:
            while not scripted.requests:
                assert process.poll() is None
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            printed, _ = process.communicate(timeout=60)
        release.set()

    assert process.returncode == 1
    assert "(be patient)...\n\nServer Software:" in printed
    assert "\nComplete requests:      0\n" in printed


@pytest.mark.programs
def test_the_benchmarks_command_runs_without_apachebench(monkeypatch):
    monkeypatch.setattr(api.shutil, "which", lambda name: str(ROOT / "stack" / "bin" / "fallback" / name))
    with server(answer=lambda number: OK + b"x" * (number % 2)) as scripted:
        load = api.load(scripted.url, 20, 4)

    assert load.answered == 20
    assert load.requests_per_second > 0


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
