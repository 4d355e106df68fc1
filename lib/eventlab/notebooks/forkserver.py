"""Kernels forked from a process that has imported their packages: what `preloaded` starts.

Obeys lines of JSON on standard input, `{"arguments": [...], "cwd": ..., "env": {...}}`, and answers each with a line:
the kernel's process id. It ends when its standard input does, and its kernels, whose parent it is, end with it.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import os
import random
import signal
import sys
from collections.abc import Sequence

PRELOADED = (
    "ipykernel.kernelapp",
    "ipywidgets",
    "httpx",
    "kafka",
    "matplotlib.pyplot",
    "pandas",
    "pyarrow",
    "pyspark.sql.connect.session",
    "pyspark.sql.connect.client.core",
    "pyspark.sql.functions",
)
"""What the lessons import and takes time; nothing that at its import reads what only a kernel has."""
BACKEND = "module://matplotlib_inline.backend_inline"
"""What ipykernel sets for matplotlib, which reads it at its import."""


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for the command that has started this
    os.environ.setdefault("MPLBACKEND", BACKEND)
    for name in PRELOADED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # a kernel that ends leaves no zombie
    for line in sys.stdin.buffer:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            become_kernel(**order)
        print(pid, flush=True)


def become_kernel(arguments: Sequence[str], cwd: str, env: dict[str, str]) -> None:
    """In the fork: the process that `python -m ipykernel_launcher ARGUMENTS` would be."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.setsid()
        with open(os.devnull, "rb") as nothing:
            os.dup2(nothing.fileno(), 0)
        os.dup2(2, 1)
        os.environ.clear()
        os.environ.update(env)
        os.chdir(cwd)
        random.seed()
        if numpy := sys.modules.get("numpy"):
            numpy.random.seed()
        serve([*arguments, f"--IPKernelApp.parent_handle={os.getppid()}"])
    except SystemExit:
        os._exit(0)
    finally:
        os._exit(1)


def serve(arguments: Sequence[str]) -> None:
    from ipykernel.kernelapp import IPKernelApp

    loggers = [each for each in logging.root.manager.loggerDict.values() if isinstance(each, logging.Logger)]
    silent = [logger for logger in loggers if logger.disabled]
    sys.argv = ["ipykernel_launcher", *arguments]
    app = IPKernelApp.instance()
    app.initialize(sys.argv[1:])  # it enables all loggers that are there; in Jupyter's kernel none would be yet
    for logger in silent:
        logger.disabled = True
    app.start()


if __name__ == "__main__":
    main()
