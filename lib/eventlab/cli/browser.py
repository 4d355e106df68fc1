"""Open a page in a browser, if this machine has one."""

import logging
import os
import shlex
import shutil
import subprocess
import sys
import threading

logger = logging.getLogger(__name__)

ANSWER_S = 3.0
"""Seconds in which a launcher without a browser ends with an error; with one, it may run longer."""


def open_browser(address: str) -> bool:
    """Open a page, discard what the browser prints, and return whether a browser was started."""
    command = browser_command(address)
    if command is None:
        return False
    logger.info("Opening the page with %s", command[0])
    null = subprocess.DEVNULL
    try:
        browser = subprocess.Popen(command, stdin=null, stdout=null, stderr=null, start_new_session=True)
        return browser.wait(ANSWER_S) == 0
    except subprocess.TimeoutExpired:
        threading.Thread(target=browser.wait, daemon=True).start()  # collects its exit code
        return True
    except OSError:
        return False


def browser_command(address: str) -> list[str] | None:
    """Return the command that opens a page, or None without a graphical browser.

    The variable BROWSER comes first, as in Python's `webbrowser`: remote editors set it to a program that opens
    the page on the user's own machine.
    """
    for entry in os.environ.get("BROWSER", "").split(os.pathsep):
        command = shlex.split(entry)
        if command and shutil.which(command[0]):
            return [part.replace("%s", address) for part in command] if "%s" in entry else [*command, address]
    has_display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    launchers = ["open"] if sys.platform == "darwin" else ["wslview", *(["xdg-open"] if has_display else [])]
    return next(([launcher, address] for launcher in launchers if shutil.which(launcher)), None)
