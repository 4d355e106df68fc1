"""A trial's machine in grading: each start of a job is a new kernel; services are killed in their sandboxes."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Collection, Mapping

from eventlab.clients.hdfs import HdfsClient
from eventlab.grading import fair_time
from eventlab.grading.environment import cleanup
from eventlab.grading.environment.access import Access
from eventlab.grading.environment.fork_server import ForkServer
from eventlab.grading.environment.jvm_class_watch import OF_JOBS
from eventlab.grading.environment.services import Services, WorkerStackError
from eventlab.grading.execution.kernel import SubmissionKernel
from eventlab.grading.execution.outputs import CellResult

JOB = """
import runpy, site, sys
site.setquit()
sys.argv = {words!r}
runpy.run_path({file!r}, run_name="__main__")
"""
JOB_TIMEOUT_S = 600
END_TIMEOUT_S = 15
PRINTED_CHARS = 300
EXIT_0 = re.compile(r"SystemExit(: (0|None|False))?|exit 0")


class JobProcess:
    """One process of a job of a trial: a kernel that executes one cell."""

    def __init__(self, fork_server: ForkServer, files: Mapping[str, bytes], source: str) -> None:
        self.kernel = SubmissionKernel(fork_server.start())
        self.result: CellResult | None = None
        self.fault: Exception | None = None
        self._thread = threading.Thread(target=self._run, args=(files, source), daemon=True)
        self._thread.start()

    def _run(self, files: Mapping[str, bytes], source: str) -> None:
        try:
            self.kernel.wait_ready()
            self.kernel.write(files)
            self.result = self.kernel.execute(source, JOB_TIMEOUT_S)
        except Exception as error:
            self.fault = error

    def ended(self) -> str | None:
        """Return the job's error, or else the end of what it has printed, if it has ended.

        Raises:
            KernelError: The sandbox did not start it.
        """
        if self.fault:
            raise self.fault
        if self.result is None:
            return None
        printed = "".join(str(output.get("text", "")) for output in self.result.outputs)
        return self.result.error or printed.strip()[-PRINTED_CHARS:]

    def has_succeeded(self) -> bool:
        """Return whether it has ended without an error, as a process with the exit code 0 does."""
        result = self.result
        return result is not None and (result.ended == "done" or bool(EXIT_0.fullmatch(result.error)))

    def kill(self) -> None:
        """Kill the process with all that it started."""
        self.kernel.end()
        self._thread.join(END_TIMEOUT_S)
        self.kernel.forget()


class TrialMachine:
    """Starts jobs in sandboxes of their own, and kills services of a worker's stack."""

    portion_timeout_s = 120.0
    """Only seconds that count (`fair_time`), so a job never has less time than on a student's machine."""

    def __init__(
        self,
        data: Services,
        spark: Services,
        fork_server: ForkServer,
        access: Access,
        sessions: cleanup.Sessions,
        require_running: Callable[[], None],
        classes_found: Callable[[], Collection[str]],
        files: Mapping[str, bytes],
    ) -> None:
        self.services = {"kafka": data, "spark": spark}
        self.fork_server, self.access, self.sessions = fork_server, access, sessions
        self.require_running, self.classes_found, self.files = require_running, classes_found, files
        self.jobs: dict[str, JobProcess] = {}
        self.exceeded = ""
        self._spark_had_ended = False
        self._spark_is_killed = False

    def now(self) -> float:
        """Return the seconds that count so far, as `fair_time` counts them."""
        return fair_time.now()

    def start(self, question: str, file: str, topic: str, folder: str) -> None:
        """Start the job with the files of the submission, in empty folders."""
        if question in self.jobs:
            self.jobs.pop(question).kill()
        source = JOB.format(words=[file, topic, folder], file=file)
        self.jobs[question] = JobProcess(self.fork_server, self.files, source)
        self._require_limits()

    def ended(self, question: str) -> str | None:
        """Return the job's error, or the end of what it has printed, if it has ended."""
        self._require_limits()
        return self.jobs[question].ended()

    def has_succeeded(self, question: str) -> bool:
        """Return whether the job has ended by itself without an error."""
        return self.jobs[question].has_succeeded()

    @property
    def spark_has_ended(self) -> bool:
        """Return whether Spark has ended by itself, also when the trial has started it again."""
        return self._spark_had_ended or bool(self.services["spark"].ended())

    def end(self, reason: str) -> None:
        """End the trial, because the submission has exceeded a limit; another thread may be running it."""
        self.exceeded = reason
        for job in list(self.jobs.values()):
            job.kernel.process.end(reason)

    def _require_limits(self) -> None:
        if self.exceeded:
            raise WorkerStackError(self.exceeded)

    def kill_jobs(self) -> None:
        """Kill the jobs with all that they have in Spark, which is started again if code of their own ran in it.

        A thread of such code would outlive its session.
        """
        self._end_jobs()
        if not self._spark_is_killed and not OF_JOBS.issuperset(self.classes_found()):
            self.kill("spark")
            self.up("spark")

    def _end_jobs(self) -> None:
        """Kill the jobs, end all sessions but Spark's own, and kill what these have started in Spark's sandbox."""
        for question in list(self.jobs):
            self.jobs.pop(question).kill()
        with contextlib.suppress(cleanup.SessionError):  # one that does not end goes on, as with any Spark Connect
            cleanup.end_sessions(self.access.settings, self.sessions)
        self.services["spark"].kill_others()

    def kill(self, service: str) -> None:
        """Kill a service; it must not have ended by itself, unless the submission itself ended it."""
        if not self.services[service].kill_service(service):
            self.require_running()
            self._spark_had_ended = True  # it was Spark; `require_running` raises for any other service
        self._spark_is_killed |= service == "spark"

    def up(self, service: str) -> None:
        """Start a service, and wait until it answers."""
        self.services[service].start_service(service)
        self._spark_is_killed &= service != "spark"

    def hdfs(self) -> HdfsClient:
        """Return a client that may set quotas."""
        return self.access.hdfs()

    def close(self) -> None:
        """Kill the jobs, and end their sessions."""
        self._end_jobs()
