"""Failures of Spark: its server, the session, versions, and what Spark Connect does not have."""

from __future__ import annotations

import contextlib
import re
from importlib import metadata
from typing import Any

import psutil

from eventlab.explain import service
from eventlab.explain.explanation import INSTEAD, Explain, Explanation
from eventlab.explain.failure import Failure
from eventlab.stack import config, process

UNREACHED = (r"StatusCode\.UNAVAILABLE", r"LessonError: not running: .*\bspark\b")
HEAP_FULL = r"java\.lang\.OutOfMemoryError"
ENDING = (r"stopped SparkContext", r"SparkContext was shut down")
"""What a client hears of a server that is ending, while it still answers."""
NO_RDD = {"rdd", "sparkContext", "_jsc", "_jvm", "_sc"}
WRONG_CLASSES = (
    r"NoSuchMethodError|NoClassDefFoundError|ClassNotFoundException|AbstractMethodError|NoSuchFieldError",
    r"StatusCode\.UNKNOWN\s+details = \"'\S+ org\.apache\.[\w.$]+\(",  # NoSuchMethodError, as Connect tells it
    r"Receiver class \S+ does not define or inherit",  # AbstractMethodError
)
SESSION = "from pyspark.sql import SparkSession; spark = SparkSession.builder.getOrCreate()"

THEN_FRAMES = "To mend it, run this, then the cells that make the DataFrames, then this one"


def memory_exhausted(failure: Failure, settings: Any) -> Explanation | None:
    """Spark's heap had no room: its log says so. A task that finds none takes the whole server with it."""
    record = process.read_record(settings, "spark")
    if record is None or not settings.is_spark_connect or settings.spark_remote_url:
        return None
    told = re.search(rf".*{HEAP_FULL}.*", process.log_tail(settings, "spark", 2000))
    own = record.process()
    ending = failure.says(*ENDING) or (failure.says(*UNREACHED) and not service.answers(settings, "spark"))
    if not told or not (ending or failure.says(HEAP_FULL)):
        return None
    has = _heap_mib(settings, own)
    state = "is there" if own else "has ended"
    proof = f"process {record.pid}, which had at most {has} MiB, {state}; its log says: {told[0].strip()[:200]}"
    name = session_name(failure)
    then = f"\n{renewal(name)}" if name else ""
    what = "Spark's memory is exhausted."
    if 2 * has * 2**20 < psutil.virtual_memory().available:
        more = f"!EVENTLAB_SPARK_MEMORY={2 * has}m eventlab restart spark"
        return Explanation(
            what, proof, more + then, f"Spark gets twice the memory, until its next start. {THEN_FRAMES}"
        )
    less = (
        "To have Spark back, run this; then let the cell ask for less: select, filter or limit before it collects"
    )
    return Explanation(what, proof, f"!eventlab restart spark{then}", less)


def _heap_mib(settings: Any, own: psutil.Process | None) -> int:
    """What the server may or might have: as it was started, else as its configuration was written."""
    words = ""
    with contextlib.suppress(psutil.Error):
        words = " ".join(own.cmdline()) if own else ""
    conf = config.conf_dir(settings, "spark") / "spark-defaults.conf"
    size = re.search(r"-Xmx(\d+)([mg])", words) or re.search(r"driver\.memory +(\d+)([mg])", conf.read_text())
    assert size
    return int(size[1]) * (1024 if size[2] == "g" else 1)


def server_down(failure: Failure, settings: Any) -> Explanation | None:
    """No answer, and the server is not there."""
    if not failure.says(*UNREACHED) or not settings.is_spark_connect:
        return None
    found = service.away(settings, "spark")
    name = session_name(failure)
    if found is None or name is None or not found.remedy.startswith("!"):
        return found
    renewed = f"{found.remedy}\n{renewal(name)}"  # the session went with the server
    return Explanation(found.what, found.proof, renewed, found.where)


def server_restarted(failure: Failure, settings: Any) -> Explanation | None:
    """The session is older than the server that runs now, which does not know it."""
    name = session_name(failure)
    own = process.find(settings, "spark")
    if not failure.says(r"INVALID_HANDLE\.SESSION", r"SESSION_CHANGED", r"SESSION_NOT_FOUND"):
        return None
    if name is None or own is None or not service.answers(settings, "spark"):
        return None
    return Explanation(
        "The Spark server was restarted; this notebook's session was of the one before.",
        f"the server is process {own.pid}, up for {process.uptime_s(own):.0f} s; it does not know the session "
        f"{failure.names[name].session_id}",
        renewal(name),
        THEN_FRAMES,
    )


def session_stopped(failure: Failure, settings: Any) -> Explanation | None:
    """The notebook's session was stopped, as lessons do at their end, while the server is well."""
    name = session_name(failure)
    if not failure.has("NO_ACTIVE_SESSION") or name is None or not failure.names[name].client.is_closed:
        return None
    if not service.answers(settings, "spark"):
        return None
    return Explanation(
        "This notebook's Spark session is closed: it was stopped, or its server was restarted.",
        f"{name}.client.is_closed is True; the server at {settings.spark_remote}"
        f"{service.pid(settings, 'spark')} answers",
        renewal(name),
        THEN_FRAMES,
    )


def renewal(name: str) -> str:
    return f"{name}.stop(); {SESSION.replace('spark = ', f'{name} = ')}"


def versions_apart(failure: Failure, settings: Any) -> Explanation | None:
    """Java misses classes or Spark its Kafka source, and the connector is not of pyspark's version."""
    from eventlab import doctor
    from eventlab.stack import jars

    if not failure.says(*WRONG_CLASSES, r"Failed to find (the )?data source: kafka"):
        return None
    installed = metadata.version("pyspark")
    connectors = [jar for jar in jars.class_path("spark") if jar.name.startswith("spark-sql-kafka")]
    missing = [jar.name for jar in connectors if not jar.exists()]
    check = doctor.connector()
    used = _connectors_in_use(settings)
    apart = [name for name in used if not name.endswith(f"-{installed}.jar")]
    if check.ok and not missing and not apart:
        return None
    proof = check.detail
    if used:
        proof += f"; the running server has {', '.join(used)}"
    if missing:
        proof += f"; {missing[0]} is not there"
    commands = [check.remedy] if not check.ok else ["eventlab setup"] if missing else []
    if used:
        commands.append("eventlab restart spark")
    remedy = f"!{' && '.join(commands)}"
    if used and (name := session_name(failure)):
        remedy += f"\n{renewal(name)}"  # the session goes with the server
    return Explanation("Spark's Kafka source is of another version than pyspark.", proof, remedy)


def _connectors_in_use(settings: Any) -> list[str]:
    """The connector's jars on the class path of the server that runs now."""
    own = process.find(settings, "spark")
    if own is None:
        return []
    words = " ".join(own.cmdline())
    conf = settings.state_dir / "conf" / "spark" / "spark-defaults.conf"
    words += conf.read_text() if conf.exists() else ""
    return sorted(set(re.findall(r"spark-sql-kafka[\w.-]+\.jar", words)))


def rdd_on_connect(failure: Failure, settings: Any) -> Explanation | None:
    """RDD code in a session of Spark Connect, which has DataFrames and SQL only."""
    attribute = failure.conditions.get("JVM_ATTRIBUTE_NOT_SUPPORTED", {}).get("attr_name")
    feature = failure.conditions.get("NOT_IMPLEMENTED", {}).get("feature")
    no_sc = failure.says(r"NameError: name 'sc' is not defined")
    wanted = attribute if attribute in NO_RDD else feature if feature in NO_RDD else "sc" if no_sc else None
    if failure.has("CONTEXT_UNAVAILABLE_FOR_REMOTE_CLIENT"):
        wanted = "SparkContext"
    name = session_name(failure)
    if wanted is None or (name is None and wanted != "SparkContext"):
        return None
    stop = f"{name}.stop(); " if name else ""
    line = (
        f"import os; {stop}[os.environ.pop(each, None) for each in ('SPARK_REMOTE', 'SPARK_CONNECT_MODE_ENABLED')]"
    )
    version = metadata.version("pyspark")
    return Explanation(
        f"`{wanted}` belongs to RDDs; Spark Connect, which this session uses, has DataFrames and SQL only.",
        f"the session is on {settings.spark_remote}, Spark {version}{service.pid(settings, 'spark')}",
        f"{line}; {SESSION}; sc = spark.sparkContext",
        "To run RDD code, take a Spark of this notebook's own (about 1 GB; DataFrames do without), "
        "then the cells that make the DataFrames, then this one",
    )


def no_session_yet(failure: Failure, settings: Any) -> Explanation | None:
    """`@udf('boolean')`, `col(...)` and the like above the line that makes the session."""
    if not failure.has("SESSION_OR_CONTEXT_NOT_EXISTS", "NO_ACTIVE_OR_DEFAULT_SESSION"):
        bare = failure.says(r"^builtins\.AssertionError: $") and re.search(
            r"@udf|\bcol\(|from_json", failure.source
        )
        if not bare:
            return None
    from pyspark.sql import SparkSession

    if SparkSession.getActiveSession() is not None or session_name(failure):
        return None
    return Explanation(
        "This line asks Spark what a type or a column is, and there is no session yet that could answer.",
        "SparkSession.getActiveSession() is None in this notebook",
        SESSION,
    )


def _raised_in(failure: Failure) -> str:
    """The file in which the error was raised."""
    trace = failure.error.__traceback__ if failure.error else None
    while trace and trace.tb_next:
        trace = trace.tb_next
    return trace.tb_frame.f_code.co_filename if trace else ""


def unquoted_dash(failure: Failure, settings: Any) -> Explanation | None:
    """`User-Agent` in SQL is User minus Agent; a column of that name is there, and wants backquotes."""
    for condition, parameters in failure.conditions.items():
        if not condition.startswith("UNRESOLVED_COLUMN"):
            continue
        columns = re.findall(r"`([^`]*-[^`]*)`", parameters.get("proposal", "")) + _dashed_columns(failure)
        for column in columns:
            bare = re.search(rf"(?<![`\w-]){re.escape(column)}(?![`\w-])", failure.source)
            wrong = parameters.get("objectName", "").strip("`")
            lines = [line for line in failure.source.split("\n") if bare and column in line]
            if not bare or wrong not in column.split("-") or len(lines) != 1:
                continue
            mended = re.sub(rf"(?<![`\w-]){re.escape(column)}(?![`\w-])", f"`{column}`", lines[0].strip())
            minus = column.replace("-", " minus ")
            return Explanation(
                f"In SQL, {column} without backquotes is {minus}.",
                f"Spark looked for a column {wrong}; there is one that is called `{column}`",
                mended,
                INSTEAD,
            )
    return None


def _dashed_columns(failure: Failure) -> list[str]:
    frames = [value for value in failure.used.values() if hasattr(value, "columns") and hasattr(value, "_plan")]
    return [column for frame in frames for column in frame.columns if "-" in column]


def session_name(failure: Failure) -> str | None:
    """The notebook's variable with a Spark Connect session that is not stopped: the cell's, or else any."""
    for names in (failure.used, failure.names):
        for name, value in list(names.items()):
            if type(value).__module__ == "pyspark.sql.connect.session" and hasattr(value, "client"):
                return name
    return None


EXPLANATIONS: list[Explain] = [
    memory_exhausted,
    server_down,
    server_restarted,
    session_stopped,
    versions_apart,
    rdd_on_connect,
    no_session_yet,
    unquoted_dash,
]
