"""Install what the services need: Java, the locked jars, and the archives with which they start faster."""

import logging
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import filelock

from eventlab.files import delete_folder
from eventlab.settings import OwnSettings
from eventlab.stack import archives, formatted, jars, java, process
from eventlab.stack.services import SERVICES
from eventlab.stack.stack import Stack, fresh_stack
from eventlab.stack.startup import ReportService

logger = logging.getLogger(__name__)

ReportStage = Callable[[str, str, int, int], None]
"""Called with a stage, its current action, its completed steps, and its number of steps."""
RECORDING = (
    "recording. Done once per Java version, about a minute: "
    "the services start and stop while they record which classes they load"
)
OFFSETS = (3500, 3400, 3300, 3200, 3100)
SQL = """
select event_type, count(distinct n) as n, max(at) as latest, row_number() over (order by event_type) as place
from training where event_type like '%a%' or try_parse_json(event_type) is not null
group by event_type having n >= 0 order by n desc
"""
START_TIMEOUT_S, STOP_TIMEOUT_S = 300, 300


class RecordingSettings(OwnSettings):
    """Settings of services that write their archives when they end."""

    record_archives: ClassVar[bool] = True


def install(report: ReportStage, report_service: ReportService, *, relock: bool = False) -> None:
    """Install what is missing; with `relock`, resolve stack/*/jgo.toml again and rewrite the lock files first.

    A second set-up of the same project waits for the first.
    """
    archives.FOLDER.parent.mkdir(exist_ok=True)
    lock = filelock.FileLock(archives.FOLDER.with_name("setup.lock"))
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        report("archives", "waiting until another `eventlab setup` of this project has ended", 0, 1)
        lock.acquire()
    try:
        _install(report, report_service, relock)
    finally:
        lock.release()


def _install(report: ReportStage, report_service: ReportService, relock: bool) -> None:
    if relock:
        for done, environment in enumerate(jars.ENVIRONMENTS, start=1):
            report("locks", f"{environment}: {jars.lock(environment)} jars locked", done, len(jars.ENVIRONMENTS))
    install_java(report)
    install_jars(report)
    report("archives", "checking", 0, 1)
    if missing_archives():
        report("archives", RECORDING, 0, 1)
        record_archives(report_service)
        report("archives", "recorded: the services start faster now", 1, 1)
    else:
        report("archives", "complete", 1, 1)


def install_java(report: ReportStage) -> None:
    """Find a suitable Java, or download one."""
    try:
        runtime = java.find()
    except java.JavaError as error:
        logger.info("%s", error.message)
        report("java", f"downloading Java {java.FETCHED_VERSION}: no suitable Java is installed", 0, 1)
        runtime = java.find_or_fetch()
    report("java", f"Java {runtime.major} ({runtime.source}): {runtime.home}", 1, 1)


def install_jars(report: ReportStage) -> None:
    """Download the locked jars that are missing or damaged."""
    done, total, size = 0, 1, 0

    def show(received: int, jar_counts: tuple[int, int] | None = None) -> None:
        nonlocal done, total, size
        size += received
        done, total = jar_counts or (done, total)
        downloaded = f", {size / 2**20:.1f} MiB downloaded" if size else ""
        report("jars", f"{done} of {total} match the lock{downloaded}", done, total)

    report("jars", "checking", 0, 1)
    jars.sync(show, lambda matching, locked: show(0, (matching, locked)))


def missing_archives() -> list[str]:
    """Return the services without an archive, or a formatted folder, for this Java, jars and configuration."""
    with_jars = [(service.name, service.jars) for service in SERVICES.values() if service.jars]
    paths = [(name, archives.path(java.find(), name, jars.class_path(folder))) for name, folder in with_jars]
    paths += [(name, formatted.path(folder)) for name, folder in with_jars if name in ("kafka", "namenode")]
    return list(dict.fromkeys(name for name, path in paths if not path.exists()))


def record_archives(report: ReportService) -> None:
    """Run the services once in a temporary folder so that each writes its archive."""
    delete_folder(archives.FOLDER)
    with (
        tempfile.TemporaryDirectory(prefix="eventlab-setup-") as folder,
        fresh_stack(
            Path(folder) / "state",
            OFFSETS,
            [service.name for service in SERVICES.values() if service.jars],
            report,
            grace_s=STOP_TIMEOUT_S,
            settings_class=RecordingSettings,
            start_timeout_s=START_TIMEOUT_S,
        ) as stack,
    ):
        _use_spark(stack)
        # Writing Spark's archive takes as long as writing those of the others one after the other.
        if spark := process.find(stack.settings, "spark"):
            spark.terminate()
        for name in ("kafka", "datanode", "namenode"):
            stack.down([name])


def _use_spark(stack: Stack) -> None:
    """Use what the lessons and labs use of Spark, so that the archive contains the classes."""
    from pyspark.sql import SparkSession
    from pyspark.sql import functions as F

    spark = SparkSession.builder.create()
    try:
        reader = spark.read.format("kafka").option("kafka.bootstrap.servers", stack.bootstrap_servers)
        events = reader.option("subscribe", stack.settings.topic).load()
        parsed = events.selectExpr("from_json(cast(value as string), 'event_type string') as event")
        parsed.select("event.*").write.mode("overwrite").parquet("/tmp/training")
        spark.read.parquet("/tmp/training").groupBy("event_type").count().collect()
        rows = spark.createDataFrame(
            [("a", 1, "2025-01-01"), ("b", 2, None)], "event_type string, n int, at string"
        )
        rows = rows.withColumn("at", F.to_timestamp("at")).dropDuplicates(["event_type"]).orderBy("n")
        rows.write.mode("overwrite").partitionBy("event_type").parquet("/tmp/training")
        spark.read.parquet("/tmp/training").createOrReplaceTempView("training")
        spark.sql(SQL).toPandas()
        spark.sql("show databases").collect()
        spark.catalog.listTables("default")
    finally:
        spark.stop()
