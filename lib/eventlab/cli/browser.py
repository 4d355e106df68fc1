"""Open a page in a browser, if this machine has one."""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import subprocess
import sys
import threading

logger = logging.getLogger(__name__)

ANSWER_S = 3.0
"""A launcher that finds no browser ends within this time with an error; a browser may keep it running."""


def open_browser(address: str) -> bool:
    """Open a page in a browser and discard what the browser prints.

    Returns:
        Whether a browser was started.
    """
    command = browser_command(address)
    if command is None:
        return False
    logger.info("Opening the page with %s", command[0])
    try:
        browser = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
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
        words = shlex.split(entry)
        if words and shutil.which(words[0]):
            return [word.replace("%s", address) for word in words] if "%s" in entry else [*words, address]
    if sys.platform == "darwin":
        launchers = ["open"]
    else:
        has_display = bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
        launchers = ["wslview", *(["xdg-open"] if has_display else [])]
    return next(([launcher, address] for launcher in launchers if shutil.which(launcher)), None)
