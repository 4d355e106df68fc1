"""What the widgets' tests wait with, count with, and run cells in."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import Empty
from typing import Any


def until(true: Callable[[], object], seconds: float = 10) -> float:
    """Wait until it is so; return how long that took."""
    started = time.monotonic()
    while not true():
        assert time.monotonic() - started < seconds, "it did not come to be"
        time.sleep(0.02)
    return time.monotonic() - started


def threads() -> list[str]:
    """The names of the widgets' threads that live."""
    return sorted(thread.name for thread in threading.enumerate() if thread.name.startswith("eventlab "))


class Kernel:
    """A kernel that is told what JupyterLab tells it: the code and the cell's id."""

    def __init__(self) -> None:
        from jupyter_client.manager import start_new_kernel

        self.manager, self.client = start_new_kernel(extra_arguments=["--IPKernelApp.log_level=ERROR"])

    def run(self, code: str, cell: str = "cell-1", timeout: float = 60) -> list[dict[str, Any]]:
        """Run a cell to its end and return what it said, comm messages included."""
        message = self.client.session.msg(
            "execute_request",
            {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False},
            metadata={"cellId": cell},
        )
        self.client.shell_channel.send(message)
        heard = []
        while True:
            told = self.client.get_iopub_msg(timeout=timeout)
            heard.append(told)
            if told["msg_type"] == "error":
                raise AssertionError("\n".join(told["content"]["traceback"]))
            mine = told["parent_header"].get("msg_id") == message["header"]["msg_id"]
            if mine and told["msg_type"] == "status" and told["content"]["execution_state"] == "idle":
                return heard

    def value(self, expression: str, cell: str = "asks") -> Any:
        """What an expression of plain values is, there."""
        heard = self.run(f"print(repr(({expression})))", cell)
        text = "".join(told["content"]["text"] for told in heard if told["msg_type"] == "stream")
        return eval(text)

    def waiting(self) -> list[dict[str, Any]]:
        """What has been said since."""
        heard = []
        while True:
            try:
                heard.append(self.client.get_iopub_msg(timeout=0.05))
            except Empty:
                return heard
