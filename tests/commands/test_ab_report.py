"""The report of the kit's `ab`: statistics, warnings and tables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlab.commands.ab import Plan, Report, Timing
from eventlab.commands.ab.report import statistics

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


def test_the_report_has_the_form_of_that_of_ab():
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

    percentiles = [report.percentile_ms(percent) for percent in range(101)]

    assert percentiles == sorted(percentiles)
    assert percentiles[-1] == (max(times) + 500) // 1000


@given(TIMES)
def test_mean_and_median_lie_between_minimum_and_maximum(times):
    low, mean, _, median, high = statistics(times)

    assert low <= mean <= high
    assert low <= median <= high


@given(TIMES)
def test_the_csv_table_has_all_percentages_in_order(times):
    heading, *rows = Report(Plan("h/"), timings=[Timing(0, 0, time) for time in times]).csv().splitlines()
    milliseconds = [float(row.partition(",")[2]) for row in rows]

    assert heading == "Percentage served,Time in ms"
    assert [row.partition(",")[0] for row in rows] == [str(percent) for percent in range(101)]
    assert milliseconds == sorted(milliseconds)
    assert (milliseconds[0], milliseconds[-1]) == (min(times) / 1000, max(times) / 1000)


def test_the_gnuplot_table_has_the_start_and_the_times_of_the_shortest_request_first():
    long, short = Timing(1000, 2000, 9000, 1_700_000_000_000_000), Timing(1000, 3000, 6000, 1_700_000_001_999_999)

    rows = Report(Plan("h/"), timings=[long, short]).gnuplot().splitlines()[1:]

    assert [row.split("\t")[1:] for row in rows] == [
        ["1700000001", "1", "5", "6", "3"],
        ["1700000000", "1", "8", "9", "2"],
    ]
