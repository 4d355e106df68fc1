"""Explains errors of Spark: the server, the session, versions."""

import ast
import contextlib
import re
from dataclasses import replace
from importlib import metadata
from typing import Any

import psutil

from eventlab.doctor.installation import connector
from eventlab.explain import service
from eventlab.explain.explanation import RUN_FIRST, Explain, Explanation
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.session import (
    NEW_SESSION,
    THEN_DATAFRAMES,
    dataframes,
    is_closed,
    is_dataframe,
    reconnect,
    session_of,
    session_variable,
    with_reconnect,
)
from eventlab.settings import Settings
from eventlab.stack import config, jars, process

UNREACHABLE = (r"StatusCode\.UNAVAILABLE", r"Spark Connect does not answer at")
OUT_OF_MEMORY = r"java\.lang\.OutOfMemoryError"
SERVER_ENDING = (r"stopped SparkContext", r"SparkContext was shut down")
"""The server's answers while it ends."""
WRONG_CLASSES = (
    r"NoSuchMethodError|NoClassDefFoundError|ClassNotFoundException|AbstractMethodError|NoSuchFieldError",
    r"StatusCode\.UNKNOWN\s+details = \"'\S+ org\.apache\.[\w.$]+\(",  # NoSuchMethodError over Spark Connect
    r"Receiver class \S+ does not define or inherit",  # AbstractMethodError
    r"Failed to find (the )?data source: kafka",
)


def memory_exhausted(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that Spark's heap was full, as its log says; the server often ends after that.

    Remedy: Restart Spark with more memory, or collect fewer rows.
    """
    record = process.read_record(settings, "spark")
    if record is None or not settings.is_spark_connect or settings.external_spark_remote:
        return None
    logged = re.search(rf".*{OUT_OF_MEMORY}.*", process.log_tail(settings, "spark", 2000))
    if not logged:
        return None
    unreachable = service.is_reported(cell, "spark", *UNREACHABLE) and not service.answers(settings, "spark")
    if not unreachable and not cell.matches(*SERVER_ENDING, OUT_OF_MEMORY):
        return None
    running = record.running_process()
    options = _server_options(settings)
    heap = re.search(r"-Xmx(\d+)([mg])", options) or re.search(r"driver\.memory +(\d+)([mg])", options)
    assert heap
    heap_mib = int(heap[1]) * (1024 if heap[2] == "g" else 1)
    state = "is running" if running else "has ended"
    log_line = logged[0].strip()[:200]
    proof = f"process {record.pid}, which had at most {heap_mib} MiB, {state}; its log says: {log_line}"
    if collects := next((call.func for call in cell.calls("toPandas", "toArrow")), None):
        method = getattr(collects, "attr", "")
        return Explanation(
            f"The result is too large for {method}(): all of its rows must fit into the memory of Spark's server.",
            proof,
            with_reconnect("!eventlab restart spark", cell),
            f"To restart Spark, run this; then write .limit(1000) before .{method}(), or count and group first",
        )
    if 2 * heap_mib * 2**20 < psutil.virtual_memory().available:
        command = f"!EVENTLAB_SPARK_MEMORY={2 * heap_mib}m eventlab restart spark"
        instruction = f"Spark gets twice the memory until its next start. {THEN_DATAFRAMES}"
    else:
        command = "!eventlab restart spark"
        instruction = "To restart Spark, run this; then select, filter or limit rows before the cell collects them"
    return Explanation("Spark has no memory left.", proof, with_reconnect(command, cell), instruction)


def _server_options(settings: Settings) -> str:
    """Return the command line of the running server, if there is one, and its configuration."""
    command, running = "", process.find(settings, "spark")
    with contextlib.suppress(psutil.Error):
        command = " ".join(running.cmdline()) if running else ""
    properties = config.conf_dir(settings, "spark") / "spark-defaults.conf"
    return f"{command}\n{properties.read_text() if properties.exists() else ''}"


def server_down(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the Spark server does not answer; the session ended with it.

    Remedy: Start Spark, open a new session, and create the DataFrames again.
    """
    closed = cell.has_condition("NO_ACTIVE_SESSION")  # such a session is not asked whether its server answers
    if not (closed or service.is_reported(cell, "spark", *UNREACHABLE)) or not settings.is_spark_connect:
        return None
    explanation = service.service_not_running(settings, "spark")
    if explanation is None or settings.external_spark_remote:
        return explanation
    remedy = with_reconnect(explanation.remedy, cell)
    has_session = remedy != explanation.remedy
    return replace(explanation, remedy=remedy, instruction=THEN_DATAFRAMES if has_session else RUN_FIRST)


def server_restarted(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the running server does not know the session: it was restarted, or has ended the session.

    Remedy: Open a new session.
    """
    name, running = session_variable(cell), process.find(settings, "spark")
    if not cell.matches(r"INVALID_HANDLE\.SESSION", r"SESSION_CHANGED", r"SESSION_CLOSED", r"SESSION_NOT_FOUND"):
        return None
    if name is None or running is None or not service.answers(settings, "spark"):
        return None
    what = "The Spark server was restarted, and this notebook's session ended."
    if not cell.matches(r"SESSION_CHANGED"):
        what = "The Spark server has ended this notebook's session: "
        what += "it was not used for an hour, or the server was restarted."
    return Explanation(
        what,
        f"the server is process {running.pid}, running for {process.uptime_s(running):.0f} s; it does not know "
        f"the session {cell.namespace[name].session_id}",
        reconnect(name),
        THEN_DATAFRAMES,
    )


def session_stopped(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the notebook's session is closed, while the server answers.

    Remedy: Open a new session.
    """
    name = session_variable(cell)
    if not cell.has_condition("NO_ACTIVE_SESSION") or name is None or not cell.namespace[name].client.is_closed:
        return None
    if not service.answers(settings, "spark"):
        return None
    server = f"{settings.spark_remote}{service.process_phrase(settings, 'spark')}"
    return Explanation(
        "This notebook's Spark session is closed: a cell stopped it, or the server was restarted.",
        f"{name}.client.is_closed is True; the server at {server} answers",
        reconnect(name),
        THEN_DATAFRAMES,
    )


def dataframe_of_ended_session(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a DataFrame belongs to an earlier session, while the notebook has a new one.

    Remedy: The statements that create the DataFrame again.
    """
    session = session_of(cell)
    if not cell.has_condition("NO_ACTIVE_SESSION", "SESSION_NOT_SAME") or session is None:
        return None
    stale = [name for name, frame in dataframes(cell) if frame.sparkSession is not session]
    statements: dict[str, str] = {}
    for name in stale:
        _recreate(cell, name, session, statements)
    if not stale or not set(stale) <= statements.keys():
        return None
    ended = is_closed(cell.namespace[stale[0]].sparkSession)
    owner = "a Spark session that has ended" if ended else "another Spark session"
    return Explanation(
        f"The DataFrame {stale[0]!r} belongs to {owner}.",
        f"its session is {cell.namespace[stale[0]].sparkSession.session_id}; the notebook's session is now "
        f"{session.session_id}",
        "\n".join(statements.values()),
    )


def _recreate(cell: FailedCell, name: str, session: Any, statements: dict[str, str]) -> None:
    """Add the statements that create a DataFrame again, after those of the DataFrames that it uses."""
    statement = cell.assignment_of(name)
    if statement is None or name in statements:
        return
    used = {node.id for node in ast.walk(ast.parse(statement)) if isinstance(node, ast.Name)} - {name}
    for other in used:
        frame = cell.namespace.get(other)
        if is_dataframe(frame) and frame.sparkSession is not session:
            _recreate(cell, other, session, statements)
    if not re.search(rf"(?<![\w'\"]){name}\b", statement.partition("=")[2]):
        statements[name] = statement


def connector_version_mismatch(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that Spark's Kafka source is missing or has another version than pyspark.

    Remedy: Install the right version and restart Spark.
    """
    if not cell.matches(*WRONG_CLASSES):
        return None
    sources = [jar for jar in jars.class_path("spark") if jar.name.startswith("spark-sql-kafka")]
    missing = [jar.name for jar in sources if not jar.exists()]
    check = connector()
    options = _server_options(settings) if process.find(settings, "spark") else ""
    loaded = sorted(set(re.findall(r"spark-sql-kafka[\w.-]+\.jar", options)))
    suffix = f"-{metadata.version('pyspark')}.jar"
    if check.ok and not missing and all(name.endswith(suffix) for name in loaded):
        return None
    proof = check.detail
    if loaded:
        proof += f"; the running server has {', '.join(loaded)}"
    if missing:
        proof += f"; {missing[0]} does not exist"
    commands = [check.remedy] if not check.ok else ["eventlab setup"] if missing else []
    commands += ["eventlab restart spark"] if loaded else []
    remedy = f"!{' && '.join(commands)}"
    remedy = with_reconnect(remedy, cell) if loaded else remedy
    return Explanation("Spark's Kafka source has another version than pyspark.", proof, remedy)


def no_session_yet(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that `@udf('boolean')`, `col(...)` and similar calls need a session.

    Remedy: Open a session.
    """
    if not cell.has_condition("SESSION_OR_CONTEXT_NOT_EXISTS", "NO_ACTIVE_OR_DEFAULT_SESSION"):
        uses_spark = re.search(r"@udf|\bcol\(|from_json", cell.source)
        if not uses_spark or not cell.matches(r"^builtins\.AssertionError: $"):
            return None
    from pyspark.sql import SparkSession

    if SparkSession.getActiveSession() is not None or session_variable(cell):
        return None
    return Explanation(
        "This cell defines a type or a column, which needs a Spark session, and there is no session yet.",
        "SparkSession.getActiveSession() is None in this notebook",
        NEW_SESSION,
    )


EXPLANATIONS: list[Explain] = [
    memory_exhausted,
    server_down,
    server_restarted,
    session_stopped,
    dataframe_of_ended_session,
    connector_version_mismatch,
    no_session_yet,
]
