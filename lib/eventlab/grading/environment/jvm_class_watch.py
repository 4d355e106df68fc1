"""The JVM of a worker's Spark: its options, and a watch that reads which classes it loads, before their code runs.

What a submission does with Spark's own operators ends with its session. Its own code could stay in the JVM until
the next submission. The few ways to run such code each load a class that nothing else needs, and the JVM reports
each class that it loads (`-Xlog:class+load`):

- `java_method` and `reflect` call any static method;
- Python functions and `TRANSFORM` run in processes next to the JVM, as the same user;
- functions in Scala or Java arrive as serialized objects;
- JDBC drivers run what the URL says (Derby's calls Java);
- `addArtifacts` and `ADD JAR` load classes from jars that are not part of the kit;
- streaming queries continue after their notebook has ended;
- a producer of Kafka, which Spark keeps for ten minutes, holds as much of its memory as its options say.

What a submission changes in the default database, which cannot be deleted, is a reason, too.

Libraries that Spark has and that no submission needs are a reason, too: the list of those that are needed is short
enough to be read.

This does not prove an attack, but Spark is restarted before the next submission. That takes seconds and costs no
marks. The JVM writes to a pipe, which the student's code can neither read nor change.
"""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Sequence
from pathlib import Path

SUSPECT_CLASSES = {
    "org.apache.spark.sql.execution.BaseScriptTransformationWriterThread": "a script (TRANSFORM)",
    "org.apache.spark.sql.execution.BaseScriptTransformationExec": "a script (TRANSFORM)",
    "org.apache.spark.sql.connect.common.UdfPacket": "a serialized function",
    "org.apache.spark.sql.connect.common.ForeachWriterPacket": "a serialized function",
    "org.apache.spark.sql.catalyst.expressions.CallMethodViaReflection$": "java_method",
    "org.apache.spark.api.python.PythonWorkerFactory": "a Python function",
    "org.apache.spark.sql.execution.datasources.jdbc.DriverRegistry$": "JDBC",
    "org.apache.spark.sql.execution.streaming.runtime.StreamExecution": "a streaming query",
    "org.apache.spark.sql.kafka010.producer.CachedKafkaProducer": "a producer of Kafka",
    "org.apache.spark.sql.execution.command.AlterDatabasePropertiesCommand": "a changed database",
    "org.apache.spark.sql.execution.command.AlterDatabaseSetLocationCommand": "a changed database",
    "org.apache.spark.sql.execution.command.SetNamespaceCollationCommand": "a changed database",
    "org.apache.hadoop.hive.ql.udf.generic.GenericUDFReflect": "reflect",
    "org.apache.hadoop.hive.ql.udf.generic.GenericUDFReflect2": "reflect",
}
"""The classes that these ways load, each with the reason for the restart that is logged."""
_NEEDED = [
    line.split()
    for line in Path(__file__).with_name("libraries.txt").read_text().splitlines()
    if line.strip() and not line.startswith("#")
]
LIBRARIES = tuple(words[0] for words in _NEEDED if len(words) == 1)
"""How the names of the jars and Java modules that submissions need begin."""
CLASSES = tuple(words[1] for words in _NEEDED if len(words) == 2)
"""The classes that submissions need of other libraries: Spark loads them with its list of formats."""
OF_JOBS = frozenset({"a streaming query", "a Python function", "a producer of Kafka"})
"""The reasons that a job of a trial has although it runs no Java code of its own."""
MAX_REASONS = 20
LITTLE_COMPILATION = (
    "-XX:TieredStopAtLevel=1",
    "-Dspark.sql.codegen.wholeStage=false",
    "-Dspark.sql.codegen.factoryMode=NO_CODEGEN",
)
"""The queries of a submission are short: compiling them took half of Spark's processor time. C1, the quick
compiler, is left."""
NO_ATTACH = ("-XX:+DisableAttachMechanism",)
"""No other process can load code into the JVM or stop the log of its classes."""


class JvmClassWatch:
    """Reads the class log of a JVM, from before the JVM starts until `close`."""

    def __init__(self, pipe: Path, kit: Sequence[Path]) -> None:
        """Create the pipe and read it; classes from the folders of `kit` are not a submission's own."""
        self.pipe = pipe
        self._kit = tuple(f"file:{folder}/" for folder in kit)
        self._of_start: set[str] | None = set()
        self._needed: frozenset[str] = frozenset()
        self._found: list[str] = []
        self._rest = b""
        self._lock = threading.Lock()
        pipe.unlink(missing_ok=True)
        os.mkfifo(pipe, 0o622)
        pipe.chmod(0o622)  # whatever the umask: as root others may write, and only we read
        self._end = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)  # held open for writing, it never ends
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    @property
    def option(self) -> str:
        """Return the JVM option that writes the class log to the pipe."""
        return f"-Xlog:class+load=info:file={self.pipe}:none"

    def started(self) -> None:
        """Note the libraries whose classes were loaded so far: Spark needs them to start."""
        self._read()
        with self._lock:
            self._needed, self._of_start = frozenset(self._of_start or ()), None

    def found(self) -> list[str]:
        """Return why Spark must be restarted: the entries of SUSPECT_CLASSES whose classes were loaded so far."""
        self._read()
        return list(self._found)

    def close(self) -> None:
        """Stop reading and close the pipe."""
        self._closed.set()
        self._thread.join()
        os.close(self._end)

    def _listen(self) -> None:
        while not self._closed.is_set():
            if select.select([self._end], [], [], 0.2)[0]:
                self._read()

    def _read(self) -> None:
        with self._lock:
            while True:
                try:
                    chunk = os.read(self._end, 1 << 16)
                except BlockingIOError:
                    return
                *lines, self._rest = (self._rest + chunk).split(b"\n")
                for line in lines:
                    self._take(line.decode(errors="replace"))

    def _take(self, line: str) -> None:
        """Take a line: `a.b.C source: file:/.../x.jar` or `a.b.C source: jrt:/java.base`.

        For a class from an archive of class data, or one that is generated, the source is not a library.
        """
        name, _, source = line.strip().partition(" source: ")
        reason = SUSPECT_CLASSES.get(name)
        if reason is None and source.startswith("file:") and not source.startswith(self._kit):
            reason = f"a class of its own, {name[:100]}"
        if reason is None and source.startswith(("file:", "jrt:")):
            reason = self._unusual(name, source.rpartition("/")[2])
        if reason and reason not in self._found and len(self._found) < MAX_REASONS:
            self._found.append(reason)

    def _unusual(self, name: str, library: str) -> str | None:
        """Return the reason why Spark must be restarted after this class of a jar or module, if there is one."""
        if self._of_start is not None:
            self._of_start.add(library)
        elif (
            library not in self._needed and not library.startswith(LIBRARIES) and name.split("$")[0] not in CLASSES
        ):
            return f"a library that no submission needs, {library[:100]}"
        return None


def java_variables(classes: JvmClassWatch) -> dict[str, str]:
    """Return the variables with which the JVM of Spark reports its classes, and nothing can attach to it."""
    return {"JAVA_TOOL_OPTIONS": " ".join([classes.option, *LITTLE_COMPILATION, *NO_ATTACH])}
