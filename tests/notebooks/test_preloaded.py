"""Kernels that are forked with their packages: Jupyter's own in all else, and gone with who began them."""

import os
import subprocess
import sys

import psutil
import pytest
from jupyter_client.manager import start_new_kernel
from nbformat.v4 import new_code_cell, new_notebook, writes

from eventlab.notebooks.execute import execute
from eventlab.notebooks.preloaded import CHOSEN
from tests.widgets.helpers import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux only")


def outputs(tmp_path, *sources):
    path = tmp_path / "notebook.ipynb"
    path.write_text(writes(new_notebook(cells=[new_code_cell(source) for source in sources])))
    result = execute(path, tmp_path / "out.ipynb")
    assert result.failure is None
    return [cell.outputs for cell in result.node.cells]


def test_each_kernel_has_its_own_environment_folder_and_name(tmp_path, monkeypatch):
    look = "import os; (os.environ.get('PLAYER'), os.getcwd(), __name__)"
    monkeypatch.setenv("PLAYER", "ada")
    first = outputs(tmp_path, look)[0][0].data["text/plain"]
    monkeypatch.setenv("PLAYER", "ben")
    second = outputs(tmp_path, look)[0][0].data["text/plain"]

    assert eval(first) == ("ada", str(tmp_path), "__main__")
    assert eval(second) == ("ben", str(tmp_path), "__main__")


def test_a_kernel_has_its_packages_from_the_start_and_nothing_of_the_kits_settings(tmp_path):
    found = outputs(tmp_path, "import sys; [name in sys.modules for name in ('pandas', 'eventlab.settings')]")

    assert found[0][0].data["text/plain"] == "[True, False]"


def test_a_figure_is_shown_where_it_is_drawn(tmp_path):
    found = outputs(tmp_path, "import matplotlib.pyplot as plt\nplt.plot([1, 2]);")

    assert "image/png" in found[0][-1].data


def test_a_command_that_a_cell_runs_tells_its_exit_code(tmp_path):
    found = outputs(tmp_path, "import subprocess; subprocess.run(['false']).returncode")

    assert found[0][0].data["text/plain"] == "1"


def test_spark_connect_keeps_silent_about_errors_that_a_cell_catches(tmp_path):
    cell = "import logging, pyspark.sql.connect.logging as own; own.logger.disabled"

    assert outputs(tmp_path, cell)[0][0].data["text/plain"] == "True"


def test_two_kernels_do_not_draw_the_same_random_numbers(tmp_path):
    cell = "import random, numpy; (random.random(), float(numpy.random.random()))"

    first, second = (eval(outputs(tmp_path, cell)[0][0].data["text/plain"]) for _ in range(2))

    assert not set(first) & set(second)


def test_a_kernel_can_be_interrupted(monkeypatch):
    monkeypatch.setenv(*next(iter(CHOSEN.items())))
    manager, client = start_new_kernel()
    try:
        client.execute("import time; time.sleep(60)")
        until(lambda: client.get_iopub_msg(timeout=10)["msg_type"] == "execute_input")
        manager.interrupt_kernel()
        reply = client.get_shell_msg(timeout=10)["content"]
        assert reply["ename"] == "KeyboardInterrupt"
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_no_kernel_outlives_the_process_that_began_it():
    begin = (
        "from jupyter_client.manager import start_new_kernel\n"
        "manager, client = start_new_kernel()\n"
        "print(manager.provisioner.pid, flush=True)\n"
        "import time; time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", begin], stdout=subprocess.PIPE, text=True, env=os.environ | CHOSEN
    ) as beginner:
        assert beginner.stdout
        kernel = int(beginner.stdout.readline())
        assert "eventlab.notebooks.forkserver" in psutil.Process(kernel).cmdline()
        beginner.kill()

    until(lambda: not psutil.pid_exists(kernel), seconds=15)
