"""Kernels that have their imports behind them, for runs of many notebooks.

Importing pyspark, pandas and matplotlib takes a kernel seconds, and the course has nine: here each is forked from
one process (`forkserver.py`) that has imported them once. A fork is in all else the kernel that Jupyter starts; it
is chosen as Jupyter provides for, by a kernel provisioner (JEP 66), whose name is NAME. Where forking a process
with loaded libraries is not safe (macOS), and for kernels of another Python, Jupyter's own is taken.
"""

from __future__ import annotations

import atexit
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import psutil
from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning import LocalProvisioner

NAME = "eventlab-preloaded"
CHOSEN = {"JUPYTER_DEFAULT_PROVISIONER_NAME": NAME}
"""The variable by which a tool that knows nothing of this, such as nbval, takes these kernels."""


class PreloadedKernelManager(AsyncKernelManager):
    """Jupyter's manager of one kernel, for nbclient and papermill, which takes these kernels."""

    @property
    def kernel_spec(self) -> KernelSpec | None:
        spec = super().kernel_spec
        if spec is not None:
            spec.metadata = spec.metadata | {"kernel_provisioner": {"provisioner_name": NAME}}
        return spec


class PreloadedProvisioner(LocalProvisioner):
    """Jupyter's own provisioner, but for where the process comes from."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        if sys.platform != "linux" or cmd[:3] != [sys.executable, "-m", "ipykernel_launcher"]:
            return await super().launch_kernel(cmd, **kwargs)
        self.cwd = kwargs.get("cwd") or str(Path.cwd())
        forked = _server.fork(cmd[3:], str(self.cwd), kwargs["env"])
        self.process: Any = forked
        self.pid = self.pgid = forked.pid
        return self.connection_info


class _Forked:
    """What a provisioner uses of subprocess.Popen, for a process that is the server's child."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int) -> None:
        self.pid = pid
        try:
            self._process: psutil.Process | None = psutil.Process(pid)
        except psutil.NoSuchProcess:
            self._process = None

    def poll(self) -> int | None:
        """None while it runs; how it ended, only its parent could tell."""
        return None if self._process and self._process.is_running() else 0

    def wait(self) -> int:
        if self._process:
            self._process.wait()
        return 0

    def send_signal(self, signum: int) -> None:
        if self._process:
            self._process.send_signal(signum)

    def kill(self) -> None:
        if self._process:
            self._process.kill()

    def terminate(self) -> None:
        if self._process:
            self._process.terminate()


class _Server:
    """The process that forks: started with the first kernel, ended with this process."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def fork(self, arguments: list[str], cwd: str, env: dict[str, str]) -> _Forked:
        order = json.dumps({"arguments": arguments, "cwd": cwd, "env": env}).encode() + b"\n"
        with self._lock:
            running = self._process
            if running is None or running.poll() is not None:
                running = self._process = subprocess.Popen(
                    [sys.executable, "-m", "eventlab.notebooks.forkserver"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                )
                atexit.register(self.close)
            assert running.stdin
            assert running.stdout
            running.stdin.write(order)
            running.stdin.flush()
            answer = running.stdout.readline()
        if not answer:
            raise RuntimeError("the process that forks kernels has ended")
        return _Forked(int(answer))

    def close(self) -> None:
        """Kernels that still run end with it."""
        with self._lock:
            running, self._process = self._process, None
        if running:
            running.communicate()


_server = _Server()
