"""The kit's `ab` and ApacheBench: the same requests, report, messages and exit codes."""

import re
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.commands.ab_server import BODY, OK, OURS, kits_ab, server
from tests.skips import requires_tool

pytestmark = pytest.mark.programs

needs_ab = requires_tool("ab")


def apachebench(*arguments):
    """Run ApacheBench."""
    return subprocess.run(["ab", *arguments], capture_output=True, text=True, timeout=60)


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


def keeping_alive(number):
    """Return a response that keeps the connection."""
    return OK.replace(b"\r\n\r\n", b"\r\nConnection: keep-alive\r\n\r\n", 1)


CASES: dict[str, tuple[dict[str, Any], list[str]]] = {
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
@pytest.mark.parametrize("case", CASES)
def test_the_output_equals_that_of_ab(case):
    script, arguments = CASES[case]
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
def test_the_columns_are_where_ab_has_them(options):
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
def test_the_files_equal_those_of_ab(tmp_path, requests):
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
def test_a_misuse_has_the_message_and_exit_code_of_ab(arguments):
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
    release = threading.Event()
    with server(hold=release) as scripted, ThreadPoolExecutor() as pool:
        runs = [pool.submit(run, "-n", "2", "-s", "1", scripted.url) for run in (apachebench, kits_ab)]
        expected, result = (run.result() for run in runs)
        release.set()

    assert (result.returncode, result.stderr) == (expected.returncode, expected.stderr)


@needs_ab
def test_every_option_of_ab_is_listed_or_named_as_not_supported():
    options = re.findall(r"^    -(\w) ( ?)", apachebench("-h").stderr, re.MULTILINE)
    listed = kits_ab("-h").stdout

    assert len(options) > 30
    for option, is_flag in options:
        arguments = [f"-{option}", *([] if is_flag else ["1"])]
        named = f"does not support option -{option} of ApacheBench" in kits_ab(*arguments, "http://h:1/x").stderr
        assert (f"    -{option} " in listed) != named
