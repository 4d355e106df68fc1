"""Running a program that looks at a worker's stack, such as `on_trial.py`, in a network of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from eventlab.grading.environment import sandbox
from eventlab.grading.worker_process import worker_environment
from eventlab.settings import ROOT


def report_of(program: str) -> dict[str, Any]:
    """Run a program of this folder as a worker is run, and return the JSON in the last line that it prints."""
    run = Path(tempfile.mkdtemp(prefix="eg"))
    run.chmod(0o755)
    env = worker_environment(run, contained=True) | {"PYTHONPATH": str(ROOT)}
    command = sandbox.of_worker([sys.executable, "-m", f"tests.grading.{program}", str(run)])
    done = subprocess.run(command, env=env, capture_output=True, text=True, cwd=ROOT)
    shutil.rmtree(run)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])
