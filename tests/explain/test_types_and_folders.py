"""Types that Spark does not know, folders that a stream has not filled, and paths: the message is not enough."""

import pytest
from pyspark.sql import types

from eventlab.explain import folders, shell_paths, sql_syntax, stream_output, values, why_checkpoint
from eventlab.explain.failed_cell import FailedCell, close_matches
from eventlab.settings import settings
from eventlab.stack import filesystem

NO_FILES = RuntimeError("[UNABLE_TO_INFER_SCHEMA] Unable to infer schema for PARQUET.")
FILES = {"/tmp/late": ["_spark_metadata"], "/tmp/other": ["_spark_metadata"], "/tmp/late.commits": ["0", "1"]}


def unknown(kind, source, **namespace):
    """Return the box about an unknown type."""
    error = ValueError(f'[UNSUPPORTED_DATATYPE] Unsupported data type "{kind.upper()}". SQLSTATE: 0A000')
    return sql_syntax.unknown_type(FailedCell(error, source, namespace), settings)


@pytest.mark.parametrize(
    ("kind", "source", "line"),
    [
        (
            "text",
            'b.withColumn("text", F.col("text").cast("text"))',
            'b.withColumn("text", F.col("text").cast("string"))',
        ),
        ("list", 'F.from_json("value", "tags list")', 'F.from_json("value", "tags array<string>")'),
        ("str", "spark.sql('select cast(n as str) from b')", "spark.sql('select cast(n as string) from b')"),
    ],
)
def test_an_unknown_type_is_replaced_where_it_is_a_type(kind, source, line):
    assert unknown(kind, source).remedy == line


def test_no_type_of_spark_is_a_misspelt_one():
    kinds = [
        kind for kind in vars(types).values() if isinstance(kind, type) and issubclass(kind, types.AtomicType)
    ]
    known = (*sql_syntax.TYPES, *sql_syntax.OTHER_TYPES)

    names = {kind.typeName() for kind in kinds} - {"integral"} | {"timestamp_ltz"}  # integral is several types
    assert [name for name in names if name not in known and close_matches(name, known)] == []


def test_a_word_that_is_also_a_column_is_not_replaced():
    assert unknown("text", 'F.from_json("value", "text text, n int")') is None


def test_a_variable_with_the_name_of_a_column_keeps_its_value():
    assert unknown("text", 'F.from_json(name, "t text")', name="text").remedy == 'F.from_json(name, "t string")'


class Waiting:
    """A streaming query without events."""

    isActive = True
    recentProgress = ()


Waiting.__name__, Waiting.__module__ = "StreamingQuery", "pyspark.sql.connect.streaming.query"


def let_hdfs_have(monkeypatch, files):
    """Let HDFS have these folders with their files."""
    monkeypatch.setattr(filesystem, "has_webhdfs", lambda path, settings: not path.startswith("s3a:"))
    monkeypatch.setattr(filesystem, "exists", lambda path, settings: path in files)
    monkeypatch.setattr(filesystem, "names", lambda path, settings: files[path])


@pytest.fixture
def folder_box(monkeypatch):
    """Return the box about a folder that cannot be read, while a query waits that writes /tmp/late."""
    let_hdfs_have(monkeypatch, FILES)
    cells = ['late = frame.writeStream.start("/tmp/late")', ""]
    return lambda source: stream_output.nothing_written(
        FailedCell(NO_FILES, source, {"late": Waiting(), "In": cells}), settings
    )


def test_the_folder_of_a_stream_without_events_has_no_file_yet(folder_box):
    box = folder_box("spark.read.parquet('/tmp/late')")

    assert box.what == "The folder /tmp/late has no Parquet file yet."
    assert box.remedy == "%why(late)"


@pytest.mark.parametrize("folder", ["/tmp/late.commits", "/tmp/other", "/tmp/missing"])
def test_another_folder_is_not_explained_by_a_stream_that_waits(folder_box, folder):
    assert folder_box(f"spark.read.parquet('{folder}')") is None


class SparkError(RuntimeError):
    """An error with a condition of Spark."""

    def __init__(self, condition, **parameters):
        super().__init__(f"[{condition}] reading file hdfs://localhost:1/tmp/a/old.parquet. ")
        self.parameters, self.getCondition, self.getMessageParameters = (
            parameters,
            lambda: condition,
            lambda: parameters,
        )


@pytest.fixture
def hdfs(monkeypatch):
    """Let HDFS have an empty folder, one with a Parquet file, and one with folders of a partition."""
    let_hdfs_have(monkeypatch, {"/tmp/none": [], "/tmp/a": ["part-0.parquet"], "/tmp/days": ["day=1", "day=2"]})


@pytest.mark.parametrize(
    ("source", "kind", "folder"),
    [
        ("spark.read.parquet('/tmp/none')", "Parquet", "/tmp/none"),
        ("days = spark.read.parquet('/tmp/days')\nspark.read.parquet('/tmp/none')", "Parquet", ""),
        ("spark.read.json('/tmp/none')", "JSON", ""),
    ],
)
def test_only_the_folder_that_is_read_as_parquet_has_no_parquet_file(hdfs, source, kind, folder):
    cell = FailedCell(SparkError("UNABLE_TO_INFER_SCHEMA", format=kind), source, {})

    box = folders.no_parquet_file(cell, settings)

    assert (box.what if box else "") == (f"The folder {folder} has no Parquet file." if folder else "")


class Frame:
    """A DataFrame."""


Frame.__name__, Frame.__module__ = "DataFrame", "pyspark.sql.connect.dataframe"


def test_of_two_dataframes_none_is_named_whose_files_were_replaced(hdfs):
    frames = {"first": Frame(), "second": Frame(), "In": ["first = spark.read.parquet('/tmp/b')", ""]}
    error = SparkError("FAILED_READ_FILE.FILE_NOT_EXIST")

    both = folders.files_replaced(FailedCell(error, "first.join(second).count()", frames), settings)
    one = folders.files_replaced(FailedCell(error, "first.count()", frames), settings)

    assert both
    assert one
    assert both.what.startswith("The files that the DataFrame reads were deleted")
    assert one.what.startswith("The files that first reads were deleted")


def test_a_program_of_this_machine_is_no_folder_of_hdfs(tmp_path, monkeypatch):
    program = tmp_path / "send.sh"
    program.touch()
    monkeypatch.setattr(why_checkpoint, "checkpoint_in", lambda folder, settings: None)
    monkeypatch.setattr(why_checkpoint, "_no_checkpoint", lambda folder, settings: folder)

    boxes = [
        why_checkpoint.checkpoint_of_command(FailedCell(None, f"!{path}", {}), settings)
        for path in (program, tmp_path)
    ]

    assert boxes == [None, str(tmp_path)]


def test_another_option_of_tail_is_no_option_of_ls(monkeypatch):
    monkeypatch.setattr(shell_paths.filesystem, "exists", lambda path, settings: True)
    monkeypatch.setattr(shell_paths.filesystem, "names", lambda path, settings: ["a"])
    monkeypatch.setattr(shell_paths, "_is_folder", lambda path, settings: True)

    def box(*words):
        cell = FailedCell(None, f"!{' '.join(words)}", {})
        return shell_paths.CHECKS_OF_PATHS["-tail"](cell, words, ["/tmp/a"], settings)

    assert box("hadoop", "fs", "-tail", "/tmp/a").remedy == "!hadoop fs -ls /tmp/a"
    assert box("hadoop", "fs", "-tail", "-f", "/tmp/a") is None


@pytest.mark.parametrize(
    ("source", "path", "line"),
    [
        ("sold.write.parquet('/tmp/a')", "/tmp/a", 'sold.write.parquet("/tmp/a-2")'),
        ("sold.write.save('/tmp/a', 'json')", "/tmp/a/", "sold.write.save(\"/tmp/a-2\", 'json')"),
        ("sold.write.parquet('/tmp/')", "/tmp/", 'sold.write.parquet("/tmp/rows-2")'),
    ],
)
def test_a_folder_that_must_not_be_overwritten_stays_beside_a_new_one(hdfs, source, path, line):
    box = values._with_another_folder(FailedCell(None, source), path, "", "", settings)

    assert box
    assert box.remedy == line


@pytest.mark.parametrize(
    ("command", "what", "remedy"),
    [
        (
            "-rm -r /tmp/a /tmp/gone",
            "HDFS has no /tmp/gone, so there is nothing to delete. With -f",
            "!hadoop fs -rm -f -r /tmp/a /tmp/gone",
        ),
        ("-rm /tmp/as", "HDFS has no /tmp/as, so there is nothing to delete.", "!hadoop fs -rm -f /tmp/as"),
        ("-rm -r /tmp/purchases", "HDFS has no /tmp/purchases, so there", "!hadoop fs -rm -f -r /tmp/purchases"),
        ("-rmdir /tmp/as", "HDFS has no /tmp/as, so there is nothing to delete.", "!hadoop fs -ls /tmp"),
        ("-rm s3a://other/gone", None, None),
        ("-rmr /tmp/gone", "HDFS has no /tmp/gone, so there is nothing to delete.", "!hadoop fs -ls /tmp"),
        (
            "-rm -r /tmp/gone /tmp/lost",
            "At least one of these paths did not",
            "!hadoop fs -rm -f -r /tmp/gone /tmp/lost",
        ),
        ("-mv /tmp/a /tmp/gone /tmp", "HDFS has no /tmp/gone", "!hadoop fs -ls /tmp"),
        ("-mv /tmp/gone /tmp/lost /tmp", None, None),
        ("-cp /tmp/gone /tmp/lost /tmp", "HDFS has no /tmp/gone", "!hadoop fs -ls /tmp"),
        ("-get /tmp/gone", "HDFS has no /tmp/gone. A cell must write it first.", "!hadoop fs -ls /tmp"),
        ("-mkdir /tmpp/a/c", "HDFS has no folder /tmpp/a. Did you mean /tmp/a?", "!hadoop fs -mkdir /tmp/a/c"),
        ("-ls /tmpp/a", "HDFS has no /tmpp/a. Did you mean /tmp/a?", "!hadoop fs -ls /tmp/a"),
        ("-ls /tmpp/b", "HDFS has no /tmpp/b", "!hadoop fs -ls /"),
        ("-rm gone", "HDFS has no /user/student/gone, so there is nothing to delete.", "!hadoop fs -rm -f gone"),
        # the other path may be one that must stay
        ("-rm tmp/a", "HDFS has no /user/student/tmp/a, so there is nothing to delete.", "!hadoop fs -ls /tmp/a"),
        ("-rm -r tmp", "HDFS has no /user/student/tmp, so there is nothing to delete.", "!hadoop fs -ls /tmp"),
        ("-cat gone", "HDFS has no /user/student/gone. A path without /", "!hadoop fs -ls /"),
    ],
)
def test_the_path_that_is_named_was_missing_before_the_command_ran(monkeypatch, command, what, remedy):
    let_hdfs_have(monkeypatch, {"/": ["tmp"], "/tmp": ["a"], "/tmp/a": ["part-0.parquet"]})
    monkeypatch.setattr(shell_paths, "_is_folder", shell_paths.filesystem.exists)
    words = ["hadoop", "fs", *command.split()]
    cell = FailedCell(None, f"!{' '.join(words)}", {}, exit_code=1, failed=[words])

    box = shell_paths.path_of_command(cell, settings)

    assert (box and box.remedy) == remedy
    assert box is None or box.what.startswith(what)


def test_a_folder_that_lacks_batches_of_its_stream_is_to_be_deleted(monkeypatch):
    text = (
        "(java.io.FileNotFoundException) /tmp/x/_spark_metadata/0 doesn't exist (latestId: 8, compactInterval: 10)"
    )
    cell = FailedCell(Exception(text), 'spark.read.parquet("/tmp/x").show()')
    monkeypatch.setattr(filesystem, "names", lambda path, settings: ["_spark_metadata"])
    monkeypatch.setattr(filesystem, "exists", lambda path, settings: path in existing)
    existing: list[str] = []

    box = stream_output.batch_missing(cell, settings)

    assert box
    assert "/tmp/x lacks batch 0 of its stream" in box.what
    assert box.remedy == "!hadoop fs -rm -r -f -skipTrash /tmp/x"

    existing.append("/tmp/x/_spark_metadata/0")
    assert stream_output.batch_missing(cell, settings) is None

    existing.clear()
    monkeypatch.setattr(filesystem, "names", lambda path, settings: ["my_notes.txt"])
    assert stream_output.batch_missing(cell, settings) is None
