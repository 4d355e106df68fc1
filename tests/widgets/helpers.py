"""Read tables of HTML, list threads, and run cells in a kernel."""

from __future__ import annotations

import re
import threading
from html import unescape
from queue import Empty
from typing import Any


def table_rows(html: str) -> list[list[str]]:
    """Return the texts of the cells of each row of an HTML table, without its head."""
    rows = re.findall(r"<tr>(\s*<td.*?)</tr>", html, re.DOTALL)
    cells = [re.findall(r"<td.*?</td>", row, re.DOTALL) for row in rows]
    return [[" ".join(unescape(re.sub("<[^>]+>", "", cell)).split()) for cell in row] for row in cells]


def threads() -> list[str]:
    """Return the names of the running threads of widgets."""
    return sorted(thread.name for thread in threading.enumerate() if thread.name.startswith("eventlab "))


class Kernel:
    """A kernel that receives what JupyterLab sends: the code and the cell's id."""

    def __init__(self) -> None:
        from jupyter_client.manager import start_new_kernel

        self.manager, self.client = start_new_kernel(extra_arguments=["--IPKernelApp.log_level=ERROR"])

    def run(self, code: str, cell: str = "cell-1", timeout: float = 60) -> list[dict[str, Any]]:
        """Run a cell to its end and return its messages, comm messages included."""
        message = self.client.session.msg(
            "execute_request",
            {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False},
            metadata={"cellId": cell},
        )
        self.client.shell_channel.send(message)
        messages = []
        while True:
            received = self.client.get_iopub_msg(timeout=timeout)
            messages.append(received)
            if received["msg_type"] == "error":
                raise AssertionError("\n".join(received["content"]["traceback"]))
            is_reply = received["parent_header"].get("msg_id") == message["header"]["msg_id"]
            if is_reply and received["content"].get("execution_state") == "idle":
                return messages

    def value(self, expression: str, cell: str = "another cell") -> Any:
        """Return the value of an expression of plain values."""
        messages = self.run(f"print(repr(({expression})))", cell)
        text = "".join(message["content"]["text"] for message in messages if message["msg_type"] == "stream")
        return eval(text)

    def drain(self) -> list[dict[str, Any]]:
        """Return the messages that arrived since the last cell."""
        messages = []
        while True:
            try:
                messages.append(self.client.get_iopub_msg(timeout=0.05))
            except Empty:
                return messages
