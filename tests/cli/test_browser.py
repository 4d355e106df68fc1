"""Opening the start page: in the machine's browser, or not at all."""

import os
import signal

import pytest

from eventlab.cli import browser
from eventlab.cli.browser import open_browser
from tests.helpers import wait_until

PAGE = "http://127.0.0.1:8888/lab?token=x"


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Create programs on an otherwise empty PATH, on a Linux machine with a display."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.delenv("BROWSER", raising=False)
    monkeypatch.setattr(browser.sys, "platform", "linux")
    monkeypatch.setattr(browser, "ANSWER_S", 60)  # on a busy machine, a launcher needs more than the three seconds

    def create(name, script):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
        return tmp_path / name

    return create


def test_a_machine_without_a_launcher_opens_nothing(programs):
    assert not open_browser(PAGE)


@pytest.mark.programs
def test_a_launcher_that_finds_no_browser_opens_nothing_and_prints_nothing(programs, capfd):
    programs("xdg-open", "echo 'xdg-open: 882: firefox: not found' >&2; exit 3")

    assert not open_browser(PAGE)
    assert capfd.readouterr() == ("", "")


def test_without_a_display_xdg_open_is_not_started(programs, monkeypatch, tmp_path):
    programs("xdg-open", f"echo started > {tmp_path}/started")
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)

    assert not open_browser(PAGE)
    assert not (tmp_path / "started").exists()


@pytest.mark.programs
def test_the_launcher_gets_the_address(programs, tmp_path, capfd):
    programs("xdg-open", f'echo "$1" > {tmp_path}/opened; echo noise')

    assert open_browser(PAGE)
    assert (tmp_path / "opened").read_text() == f"{PAGE}\n"
    assert capfd.readouterr() == ("", "")


@pytest.mark.programs
def test_open_browser_does_not_wait_for_the_browser_to_end(programs, monkeypatch, tmp_path):
    programs("xdg-open", f"echo $$ > {tmp_path}/pid; exec /bin/sleep 60")
    monkeypatch.setattr(browser, "ANSWER_S", 0.2)

    assert open_browser(PAGE)
    wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


@pytest.mark.programs
@pytest.mark.parametrize("value", ["helper --open", "missing:helper --open %s"])
def test_the_variable_browser_is_used_before_xdg_open(programs, tmp_path, monkeypatch, value):
    programs("xdg-open", "exit 1")
    programs("helper", f'echo "$@" > {tmp_path}/opened')
    monkeypatch.setenv("BROWSER", value)

    assert open_browser(PAGE)
    assert (tmp_path / "opened").read_text() == f"--open {PAGE}\n"
