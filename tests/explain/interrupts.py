"""Interrupt a cell that reads from Kafka, when its consumer is at its place."""

import os
import re
import signal
import threading
import time

from eventlab.clients.kafka import open_admin
from tests.helpers import wait_until


def has_member(settings, group):
    """Return whether a consumer is in the group and has its partitions."""
    with open_admin(settings.bootstrap_servers) as admin:
        found = admin.describe_groups([group])[group]
    return bool(found["members"]) and all(member["member_assignment"] for member in found["members"])


WATCH = """
import gc, pathlib, threading, weakref
def watch(file, before):
    def is_at_its_place(found):
        if type(found) is not KafkaConsumer or found in before or not found.assignment():
            return False
        return found._subscription.has_all_fetch_positions()
    while not any(map(is_at_its_place, gc.get_objects())):
        time.sleep(0.1)
    pathlib.Path(file).touch()
def consumers():
    return weakref.WeakSet(found for found in gc.get_objects() if type(found) is KafkaConsumer)
"""


def interrupted(notebook, settings, cell, at_its_place, expected=None):
    """Run a cell, interrupt its kernel, and return its box.

    This happens when the consumer is at its place, or as soon as the cell has printed what is expected. The kernel
    creates the file `at_its_place` when the consumer is there, and the broker lists it as a member of its group.
    """
    group = re.search(r"group_id='(\w+)'", cell)

    def interrupt():
        if group and not expected:
            wait_until(lambda: has_member(settings, group[1]))
        end = time.monotonic() + 60
        while time.monotonic() < end and not (expected in notebook.printed if expected else at_its_place.exists()):
            time.sleep(0.1)
        os.kill(notebook.manager.provisioner.pid, signal.SIGINT)

    if not expected:
        notebook.assert_runs(
            f"{WATCH}\nthreading.Thread(target=watch, args=({str(at_its_place)!r}, consumers())).start()"
        )
    notebook.outputs = []
    thread = threading.Thread(target=interrupt)
    thread.start()
    box = notebook.run(cell)
    thread.join()
    assert notebook.reply["ename"] == "KeyboardInterrupt"
    return box
