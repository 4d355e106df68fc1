"""The command `ab`: ApacheBench's options, messages and exit codes."""

import errno
import getopt
import os
import sys
from base64 import b64encode
from pathlib import Path

from eventlab.commands.ab.engine import Aborted, Engine
from eventlab.commands.ab.plan import Plan

BANNER = """\
This is eventlab load: the options, requests and report of ApacheBench, Version 2.3,
for machines without `ab`. ApacheBench is part of the Apache HTTP Server,
http://httpd.apache.org/docs/2.4/programs/ab.html
"""
SUPPORTED = "n:c:t:s:p:u:T:v:iC:H:A:VkdSqlg:e:rm:h"
UNSUPPORTED = set("bBwxyzPXIZfE")  # sockets, HTML tables, proxies and TLS
METHODS = {"-i": "HEAD", "-p": "POST", "-u": "PUT"}
Options = list[tuple[str, str]]


def main(argv: list[str] | None = None) -> int:
    """Run `ab` with these arguments and return its exit code."""
    try:
        given, urls = split(sys.argv[1:] if argv is None else argv)
        options = dict(given)
        if "-h" in options or "-V" in options:
            print(BANNER if "-V" in options else usage(), end="")
            return 0
        plan = make_plan(given, urls)
    except ValueError as error:
        print(f"ab: {error}\n{usage()}", file=sys.stderr, end="")
        return errno.EINVAL
    except Aborted as error:
        print(error, file=sys.stderr)
        return error.code
    print(BANNER)
    return run(plan, options)


def usage() -> str:
    """Return the text of option -h."""
    return Path(__file__).with_name("usage.txt").read_text()


def split(arguments: list[str]) -> tuple[Options, list[str]]:
    """Return the options and the other arguments; raise the same errors as `make_plan`."""
    try:
        return getopt.getopt(arguments, SUPPORTED)
    except getopt.GetoptError as error:
        if error.opt in UNSUPPORTED:
            message = f"ab: eventlab's ab does not support option -{error.opt} of ApacheBench; see ab -h"
            raise Aborted(message, errno.EINVAL) from error
        missing = f"option requires an argument -- {error.opt}\nab: wrong number of arguments"
        raise ValueError(missing if "requires" in error.msg else f"illegal option -- {error.opt}") from error


def make_plan(given: Options, urls: list[str]) -> Plan:
    """Check the options and return the plan.

    Raises:
        ValueError: `ab` rejects the options and prints its usage.
        Aborted: `ab` rejects the options without its usage.
    """
    options, method = dict(given), ""
    for option, value in given:
        if method and option in METHODS:
            raise Aborted(f"Cannot mix {METHODS[option]} with other methods", 1)
        method = value if option == "-m" else METHODS.get(option, method)
    time_limit_s = max(0, number(options, "-t", 0))
    requests, concurrency = number(options, "-n", 50000 if time_limit_s else 1), number(options, "-c", 1)
    if requests <= 0:
        raise Aborted("Invalid number of requests", 1)
    if len(urls) != 1:
        raise ValueError("wrong number of arguments")
    if not 0 < concurrency <= 200000:
        raise ValueError("Invalid Concurrency [Range 0..200000]")
    if concurrency > requests:
        raise ValueError("Cannot use concurrency level greater than total number of requests")
    credentials = [f"Cookie: {options['-C']}"] if "-C" in options else []
    passwords = (os.fsencode(value.lstrip()) for option, value in given if option == "-A")
    credentials += [f"Authorization: Basic {b64encode(password).decode()}" for password in passwords]
    return Plan(
        urls[0],
        requests,
        concurrency,
        [value for option, value in given if option == "-H"],
        method,
        read_data(options.get("-p", options.get("-u"))),
        options.get("-T", "text/plain"),
        credentials,
        keep_alive="-k" in options,
        time_limit_s=time_limit_s,
        timeout_s=number(options, "-s", 30) or 30,
        tolerate_errors="-r" in options,
        variable_length="-l" in options,
        verbosity=number(options, "-v", 0),
    )


def number(options: dict[str, str], option: str, default: int) -> int:
    """Return the option's number; text that is not a number is 0, as for C's atoi."""
    text = options.get(option, str(default))
    return int(text) if text.lstrip("-").isdecimal() else 0


def read_data(path: str | None) -> bytes | None:
    """Return what the file of -p or -u contains, or None without a file; raise Aborted if it cannot be read."""
    try:
        return None if path is None else Path(path).read_bytes()
    except OSError as error:
        raise Aborted(f"ab: Could not open POST data file ({path}): {error.strerror}", 1) from error


def run(plan: Plan, options: dict[str, str]) -> int:
    """Execute the plan, print progress and report, and return the exit code."""
    interval = 0 if "-q" in options or plan.requests <= 150 else max(100, plan.requests // 10)

    def progress(complete: int) -> None:
        if interval and complete % interval == 0:
            print(f"Completed {complete} requests", file=sys.stderr, flush=True)

    print(f"Benchmarking {plan.hostname} (be patient)", end="\n" if interval else "...", flush=True)
    if plan.verbosity >= 2:
        print(f"INFO: {plan.method} header == \n---\n{plan.head}\n---")
    engine, code = None, 0
    try:
        engine = Engine(plan, progress)
        engine.run()
        if interval:
            print(f"Finished {engine.report.complete} requests", file=sys.stderr)
        else:
            print("..done")
    except Aborted as error:
        print(error, file=sys.stderr)
        if error.complete:
            print(f"Total of {error.complete} requests completed")
        return error.code
    except KeyboardInterrupt:
        if engine is None:
            return 1
        code = 1
    report = engine.report
    print("\n", report.text("-S" not in options, "-d" not in options), sep="\n", flush=True)
    for option, kind, table in (("-e", "CSV", report.csv), ("-g", "gnuplot", report.gnuplot)):
        try:
            if option in options and report.complete:
                Path(options[option]).write_text(table())
        except OSError as error:
            print(f"Cannot open {kind} output file: {error.strerror}", file=sys.stderr)
            return 1
    return code
