"""The command: ApacheBench's options, messages and exit codes."""

from __future__ import annotations

import getopt
import sys
from collections.abc import Callable
from pathlib import Path

from eventlab.commands.ab.engine import Aborted, Engine, Plan
from eventlab.commands.ab.request import Target, build

BANNER = """\
This is eventlab load: the options, requests and report of ApacheBench, Version 2.3,
for machines without `ab`. ApacheBench is part of the Apache HTTP Server,
http://httpd.apache.org/docs/2.4/programs/ab.html
"""
USAGE = """\
Usage: ab [options] [http://]hostname[:port]/path
Options are:
    -n requests     Number of requests to perform
    -c concurrency  Number of multiple requests to make at a time
    -t timelimit    Seconds to max. to spend on benchmarking
                    This implies -n 50000
    -s timeout      Seconds to max. wait for each response
                    Default is 30 seconds
    -p postfile     File containing data to POST. Remember also to set -T
    -T content-type Content-type header to use for POST data, eg.
                    'application/x-www-form-urlencoded'
                    Default is 'text/plain'
    -H attribute    Add Arbitrary header line, eg. 'Accept-Encoding: gzip'
                    Inserted before all normal header lines. (repeatable)
    -V              Print version number and exit
    -k              Use HTTP KeepAlive feature
    -q              Do not show progress when doing more than 150 requests
    -r              Don't exit on socket receive errors.
    -m method       Method name
    -h              Display usage information (this message)
Examples, each the calls of one user:
    ab -n 10 -H "Host: user1.comcast.com" http://localhost:5000/
    ab -n 10 -H "Host: user2.att.com" http://localhost:5000/purchase_a_sword
    ab -q -n 2000 -c 16 http://localhost:5000/       16 at a time, without progress
"""
UNUSABLE = 22  # EINVAL, ab's exit code for a wrong command line


class Misused(Exception):
    """A wrong command line: what ab says about it, whether its usage follows, and its exit code."""

    def __init__(self, message: str, usage: bool = True) -> None:
        super().__init__(f"ab: {message}\n{USAGE}" if usage else f"{message}\n")
        self.code = UNUSABLE if usage else 1


def main(argv: list[str] | None = None) -> int:
    """Run `ab` with these arguments and return its exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    try:
        plan, quiet = parse(arguments)
    except Misused as wrong:
        print(wrong, file=sys.stderr, end="")
        return wrong.code
    if plan is None:
        print(BANNER if "-V" in arguments else USAGE, end="")
        return 0
    print(BANNER)
    return run(plan, quiet)


def parse(arguments: list[str]) -> tuple[Plan | None, bool]:
    """The plan and whether to be quiet; no plan when there is only something to print."""
    try:
        given, rest = getopt.getopt(arguments, "n:c:t:s:p:T:H:m:kqrVh")
    except getopt.GetoptError as wrong:
        if "requires" not in wrong.msg:
            raise Misused(f"illegal option -- {wrong.opt}") from wrong
        message = f"option requires an argument -- {wrong.opt}\nab: wrong number of arguments"
        raise Misused(message) from wrong
    single = dict(given)
    if "-h" in single or "-V" in single:
        return None, False
    try:
        return plan_of(single, [value for option, value in given if option == "-H"], rest), "-q" in single
    except ValueError as wrong:
        raise Misused(str(wrong), usage="SSL" not in str(wrong)) from wrong


def plan_of(single: dict[str, str], headers: list[str], rest: list[str]) -> Plan:
    limit = number(single, "-t", 0)
    requests = number(single, "-n", 50000 if limit > 0 else 1)
    concurrency = number(single, "-c", 1)
    if requests <= 0:
        raise Misused("Invalid number of requests", usage=False)
    if len(rest) != 1:
        raise Misused("wrong number of arguments")
    if not 0 < concurrency <= 20000:
        raise Misused("Invalid Concurrency [Range 0..20000]")
    if concurrency > requests:
        raise Misused("Cannot use concurrency level greater than total number of requests")
    if "-p" in single and single.get("-m", "POST") != "POST":
        raise Misused("Cannot mix POST with other methods", usage=False)
    body = post_data(single["-p"]) if "-p" in single else None
    target = Target.parse(rest[0])
    method, content_type = single.get("-m", "GET"), single.get("-T", "text/plain")
    return Plan(
        target,
        build(target, headers, method, body, content_type, keep_alive="-k" in single),
        requests,
        concurrency,
        time_limit_s=limit if limit > 0 else None,
        idle_s=number(single, "-s", 30) or 30,
        keep_alive="-k" in single,
        has_body=body is not None,
        tolerate_errors="-r" in single,
    )


def number(single: dict[str, str], option: str, default: int) -> int:
    """C's atoi: what is not a number is 0."""
    text = single.get(option, str(default))
    return int(text) if text.lstrip("-").isdecimal() else 0


def post_data(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        message = f"ab: Could not open POST data file ({path}): {error.strerror}"
        raise Misused(message, usage=False) from error


def run(plan: Plan, quiet: bool) -> int:
    every = 0 if quiet or plan.requests <= 150 else max(100, plan.requests // 10)
    print(f"Benchmarking {plan.target.hostname} (be patient)", end="\n" if every else "...", flush=True)
    engine = None
    try:
        engine = Engine(plan, heartbeat(every))
        report, code = engine.run(), 0
    except Aborted as aborted:
        print(aborted, file=sys.stderr)
        if aborted.done:
            print(f"Total of {aborted.done} requests completed")
        return aborted.code
    except KeyboardInterrupt:
        if engine is None:
            return 1
        report, code = engine.interrupted(), 1
    else:
        if every:
            print(f"Finished {report.complete} requests", file=sys.stderr)
        else:
            print("..done")
    print("\n", report, sep="\n", flush=True)
    return code


def heartbeat(every: int) -> Callable[[int], None]:
    """A line on standard error each time so many more requests are done."""

    def beat(done: int) -> None:
        if done % every == 0:
            print(f"Completed {done} requests", file=sys.stderr, flush=True)

    return beat if every else lambda done: None
