"""A sandbox of services that answers too late is ended: its answer is not taken for that to another question."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from eventlab.grading.environment.sandbox import ProcessLimits
from eventlab.grading.environment.services import Services, WorkerConfiguration, WorkerStackError
from eventlab.settings import Settings

pytestmark = pytest.mark.programs

LATE = """
import json, sys, time
for number, line in enumerate(sys.stdin):
    time.sleep(0 if number else 1)
    print(json.dumps({"ended": {}, "order": line.strip()}), flush=True)
"""


def test_after_an_answer_that_was_late_there_is_no_other_one(tmp_path: Path) -> None:
    services = Services.__new__(Services)
    services.name, services._log = "spark", (tmp_path / "spark.log").open("ab")
    services._configuration = WorkerConfiguration(0, tmp_path, Settings(), ProcessLimits(), contained=True)
    services._process = subprocess.Popen(
        [sys.executable, "-c", LATE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    )
    try:
        with pytest.raises(WorkerStackError, match="the sandbox of spark does not answer"):
            services._ask("kill_others", timeout_s=0.3)
        with pytest.raises(WorkerStackError):
            services.ended()
    finally:
        services.close()
