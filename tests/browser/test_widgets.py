"""All widgets in JupyterLab: each control is found by its role and name, and works."""

import os
import re
import threading

import pytest
from playwright.sync_api import expect

from eventlab.commands import ab
from eventlab.stack import Stack
from tests.browser.conftest import PICTURES
from tests.browser.helpers import button, open_cells, panel, picture, wait_until_shown
from tests.helpers import Stopwatch, wait_until

pytestmark = [pytest.mark.services, pytest.mark.timeout(240)]

LIMIT_S = 2.0
LONG_MS = 60_000


def texts(table):
    """Return the texts of the cells of each row, without the head of the table."""
    return [row.get_by_role("cell").all_inner_texts() for row in table.get_by_role("row").all()[1:]]


def test_an_address_that_a_browser_cannot_open_is_no_link(page, lab):
    notebook = open_cells(page, lab, "addresses", "print('hdfs://127.0.0.1:8020/tmp and http://127.0.0.1:9870/a')")
    output = notebook.cells.first.locator(".jp-OutputArea-output")

    expect(output.get_by_role("link", name="http://127.0.0.1:9870/a")).to_be_visible()
    expect(output.get_by_role("link")).to_have_count(1)
    expect(output).to_contain_text("hdfs://127.0.0.1:8020/tmp")


@pytest.fixture
def console(page, lab):
    """Open the game console."""
    open_cells(page, lab, "console", "from eventlab.widgets import GameConsole\n\nGameConsole()")
    widget = panel(page, "Play")
    expect(button(widget, "GET /purchase_a_sword")).to_be_visible()
    return widget


def results(console):
    """Return the rows of the table of answers."""
    return texts(console.get_by_role("table", name="Responses of the game API, the latest first"))


def expect_result(console, label, host, calls, status):
    """Wait until the latest answer is the expected one."""
    expect(console.get_by_role("row").nth(1)).to_contain_text(label)
    expect(console.get_by_role("row").nth(1)).to_contain_text(f"{status} ×{calls}")
    assert results(console)[0][1] == host


def test_all_buttons_of_the_game_console_call_the_api(console):
    for label in ("GET /", "GET /purchase_a_knife", "GET /purchase_a_sword"):
        button(console, label).click()
        expect_result(console, label, "user1.comcast.com", 1, "200 OK")
    console.get_by_label("Host").fill("user2.att.com")
    console.get_by_label("Calls").fill("400")
    console.get_by_label("At once").fill("8")
    console.get_by_label("At once").press("Tab")
    button(console, "GET /purchase_a_sword").click()
    expect_result(console, "GET /purchase_a_sword", "user2.att.com", 400, "200 OK")
    assert re.fullmatch(r"[\d,]+ / s", results(console)[0][5])
    console.get_by_label("Calls").fill("1")
    console.get_by_label("Path").fill("/purchase_a_dragon")
    console.get_by_label("Path").press("Tab")
    button(console, "Call this path").click()
    expect_result(console, "/purchase_a_dragon", "user2.att.com", 1, "404 Not Found")
    expect(button(console, "Stop calling")).to_be_disabled()
    picture(console, PICTURES / "game_console.png")
    console.get_by_label("Calls").fill("100000")
    console.get_by_label("Calls").press("Tab")
    button(console, "GET /").click()
    expect(console.get_by_role("status").last).to_contain_text("of 100,000 calls")
    button(console, "Stop calling").click()
    expect(console.get_by_text("stopped before 100,000")).to_be_visible()


def test_a_route_that_a_learner_adds_has_its_button_once_the_api_is_restarted(console, lab):
    app = lab.settings.api_app
    route = (
        '@game.route("/join_a_guild")\n'
        "def join_a_guild() -> str:\n"
        '    log_to_kafka({"event_type": "join_guild"})\n'
        '    return "Guild Joined!\\n"\n\n\n'
    )
    app.write_text(app.read_text().replace("def log_to_kafka", f"{route}def log_to_kafka", 1))
    Stack(lab.settings).down(["api"])
    expect(console.get_by_role("alert")).to_contain_text("Next: eventlab up api")
    Stack(lab.settings).up(["api"])

    taken = Stopwatch()
    wait_until_shown(console.page, ".eventlab-panel button", "GET /join_a_guild")
    assert taken.seconds < LIMIT_S

    expect(button(console, "GET /join_a_guild")).to_be_visible()
    button(console, "GET /join_a_guild").focus()
    console.page.keyboard.press("Enter")  # with the keyboard
    expect_result(console, "GET /join_a_guild", "user1.comcast.com", 1, "200 OK")


@pytest.fixture
def players(lab):
    """Call the API as two players until the test ends, about 40 times per second; return the calls so far."""
    done, calls = threading.Event(), []

    def play():
        while not done.wait(0.1):
            for host, route in (
                ("user1.comcast.com", "/"),
                ("user1.comcast.com", "/purchase_a_sword"),
                ("user2.att.com", "/"),
                ("user2.att.com", "/purchase_a_knife"),
            ):
                ab.bench(lab.settings.api_url + route, requests=1, headers={"Host": host})
                calls.append(route)

    thread = threading.Thread(target=play)
    thread.start()
    yield calls
    done.set()
    thread.join()


def stays_the_same(page, table, calls):
    """Return whether a table does not change for a second in which players call the API."""
    before, calls_before = texts(table), len(calls)
    page.wait_for_timeout(1000)
    return texts(table) == before and len(calls) > calls_before + 4


def test_all_controls_of_the_event_tail_work(page, lab, players):
    open_cells(page, lab, "tail", "from eventlab.widgets import EventTail\n\nEventTail()")
    tail = panel(page, "Events of the topic events")
    table = tail.get_by_role("table", name="The latest events, the last one first")
    chart = tail.get_by_role("img", name=re.compile("Events per second by type in the last minute"))
    expect(chart).to_have_accessible_name(re.compile(r"purchase_sword \d\d"), timeout=LONG_MS)
    expect(table.get_by_role("row")).to_have_count(13)
    if os.environ.get("PICTURES"):
        page.wait_for_timeout(6_000)  # so that the chart has something to show
    picture(tail, PICTURES / "event_tail.png")

    button(tail, "Pause").click()
    expect(tail.get_by_text("paused", exact=True)).to_be_visible()
    wait_until(lambda: stays_the_same(page, table, players))  # the last read before the pause may come late
    paused = texts(table)
    button(tail, "Resume").click()
    expect(table.get_by_role("row").nth(1)).not_to_contain_text(paused[0][2])

    tail.get_by_label("Event type").select_option("purchase_sword")
    tail.get_by_label("Host").select_option("user1.comcast.com")
    expect(table.get_by_text("default", exact=True)).to_have_count(0)
    assert {(row[3], row[4]) for row in texts(table)} == {("purchase_sword", "user1.comcast.com")}
    tail.get_by_label("Event type").select_option("all")

    button(tail, "Jump to the end").click()
    expect(table.get_by_role("row").nth(1)).to_be_visible()
    button(tail, "Jump to the beginning").click()
    expect(tail.get_by_text(re.compile(r"[\d,]{3,} read"))).to_be_visible()


def test_a_button_traces_an_event_and_the_progress_of_spark_is_shown(page, lab):
    notebook = open_cells(
        page,
        lab,
        "trace",
        "from pyspark.sql import SparkSession\n"
        "from eventlab.widgets import SparkProgress, TraceEvent\n\n"
        "spark = SparkSession.builder.getOrCreate()\n"
        "display(SparkProgress(spark), TraceEvent())",
        "spark.range(0, 10**7, 1, 8).selectExpr('sum(id % 7)').collect()",
    )
    progress = panel(page, "Spark")
    expect(progress.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "100")
    picture(progress, PICTURES / "spark_progress.png")
    trace = panel(page, "One event, step by step")
    steps = trace.get_by_role("list", name="Steps of the event").get_by_role("listitem")

    trace.get_by_label("Route").select_option("/purchase_a_sword")
    trace.get_by_label("Host").fill("user2.att.com")
    trace.get_by_label("Host").press("Tab")
    button(trace, "Send and follow").click()

    expect(steps.nth(3)).to_contain_text("event_type = purchase_sword, Host = user2.att.com", timeout=LONG_MS)
    expect(steps.nth(1)).to_contain_text(re.compile(r"topic events, partition 0, offset \d+"))
    expect(steps.nth(2)).to_contain_text(re.compile(r"row \d+ of hdfs://\S+/tmp/traced/part-\S+\.parquet"))
    picture(trace, PICTURES / "trace_event.png")
    assert notebook.cells.count() >= 2
