"""The console lists the routes of the running API and calls them."""

import re

import pytest

from eventlab import course
from eventlab.clients import http
from eventlab.settings import ROOT
from eventlab.stack import Stack, process
from eventlab.widgets import GameConsole
from eventlab.widgets.routes import Route, RoutesUnavailable, list_routes
from tests.helpers import Stopwatch, wait_until
from tests.widgets.helpers import table_rows

pytestmark = pytest.mark.services

SWORD = "GET /purchase_a_sword"


@pytest.fixture
def console(stack, show):
    """Show a console with its buttons."""
    shown = show(GameConsole(stack))
    wait_until(lambda: shown.buttons.children)
    return shown


def button(console, label):
    """Return the button with the label."""
    return next(button for button in console.buttons.children if button.description == label)


def rows(console):
    """Return the cells of the table of results, the latest row first."""
    return table_rows(console.results.value)


def press(console, label):
    """Click a button and wait for the answers."""
    button(console, label).click()
    wait_until(lambda: console.stop.disabled and "answered" in console.message.value)


def test_there_is_a_button_for_each_route(console):
    assert [button.description for button in console.buttons.children] == [
        "GET /",
        "GET /join_guild/<name>",
        "POST /purchase",
        "GET /purchase_a_knife",
        SWORD,
    ]


def test_a_button_calls_the_route_with_the_host_and_shows_the_response(stack, console):
    before = len(course.read_values(stack.topic))
    console.host.value = "user7.example.org"

    press(console, SWORD)

    assert rows(console)[0][:5] == [SWORD, "user7.example.org", "1", "1", "200 OK ×1"]
    assert rows(console)[0][-1] == "Sword Purchased!"
    assert b"user7.example.org" in course.read_values(stack.topic)[before]


def test_simultaneous_calls_have_a_rate(stack, console):
    console.count.value, console.concurrency.value = 200, 8

    press(console, SWORD)

    assert rows(console)[0][4] == "200 OK ×200"
    assert re.fullmatch(r"[\d,]+ / s", rows(console)[0][5])


def test_runs_with_another_concurrency_can_be_told_apart(console):
    console.count.value = 8
    press(console, SWORD)
    console.concurrency.value = 4
    button(console, SWORD).click()
    wait_until(lambda: len(rows(console)) == 2)

    assert [row[2:4] for row in rows(console)[:2]] == [["8", "4"], ["8", "1"]]


def test_a_path_without_a_route_is_shown_as_404(console):
    console.path.value = "/purchase_a_dragon"

    console.call_path.click()
    wait_until(lambda: rows(console))

    assert rows(console)[0][4] == "404 Not Found ×1"


def test_calls_can_be_stopped(console):
    console.count.value = 100_000
    button(console, SWORD).click()
    wait_until(lambda: "of 100,000 calls" in console.message.value)

    console.stop.click()
    wait_until(lambda: console.stop.disabled)

    assert "stopped before 100,000" in console.message.value


def test_a_route_that_is_added_has_its_button_once_the_api_is_restarted(stack, api_alone, tmp_path, show):
    app = tmp_path / "game_api.py"
    app.write_text((ROOT / "game_api.py").read_text())
    settings = api_alone.model_copy(update={"api_app": app})
    Stack(settings).up(["api"])
    console = show(GameConsole(settings))
    wait_until(lambda: len(console.buttons.children) == 5)

    route = '@game.route("/join_a_guild")\ndef join_a_guild():\n    return "Guild Joined!"\n\n\n'
    app.write_text(app.read_text().replace("def log_to_kafka", f"{route}def log_to_kafka", 1))
    Stack(settings).down(["api"])
    wait_until(lambda: "Next: eventlab up api" in console.message.value)
    Stack(settings).up(["api"])

    taken = Stopwatch()
    wait_until(lambda: len(console.buttons.children) == 6)
    assert taken.seconds < 2
    press(console, "GET /join_a_guild")
    assert rows(console)[0][-1] == "Guild Joined!"


def test_the_log_of_the_api_contains_the_learners_calls_and_no_probe(stack):
    http.get(f"{stack.api_url}/?before", 10)
    for _ in range(5):
        list_routes(stack.api_url)
        Stack(stack).status(["api"])
    http.get(f"{stack.api_url}/?after", 10)
    wait_until(lambda: "?after" in process.log_tail(stack, "api"))  # the server logs a request after its answer

    *_, before, after = process.log_tail(stack, "api", 1000).splitlines()
    assert '"GET /?before ' in before
    assert '"GET /?after ' in after


def test_a_server_that_does_not_list_its_routes_is_reported(stack):
    with pytest.raises(RoutesUnavailable, match="does not list its routes"):
        list_routes(stack.webhdfs_url)


def test_a_route_with_variables_is_copied_to_the_path_field(console):
    console.call(Route("GET", "/player/<name>"))

    assert console.path.value == "/player/<name>"
    assert not rows(console)
