"""Submissions that try to gain points, end their kernel, hang or fail, or are no notebooks, and good ones.

Every bomb is bounded by itself, too: should the containment fail, it stops.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from tests.grading import run_attacks, tiny_lab
from tests.grading.tiny_lab import SOLUTIONS

ALL = frozenset(SOLUTIONS)


@dataclass(frozen=True)
class Case:
    """What is handed in, and what it must come to: its status and the questions that it loses.

    Attributes:
        cells: The cells that replace solutions; None leaves a cell out, `added` is a cell at the end.
        behind: Cells that are added behind the cell with this id.
    """

    status: str
    lost: frozenset[str]
    cells: dict[str, str | None] = field(default_factory=dict)
    behind: dict[str, list[str]] = field(default_factory=dict)

    def notebook(self) -> NotebookNode:
        made = tiny_lab.notebook(**self.cells)
        for grade_id, sources in self.behind.items():
            place = [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in made.cells].index(grade_id) + 1
            made.cells[place:place] = [new_code_cell(source) for source in sources]
        return made


def loses(
    *questions: str, status: str = "graded", behind: dict[str, list[str]] | None = None, **cells: str | None
) -> Case:
    return Case(status, frozenset(questions), cells, behind or {})


MEMORY_BOMB_OF_MANY = """
import os, time
for _ in range(12):  # 6 GiB at most
    if os.fork() == 0:
        held = b"x" * 500_000_000
        time.sleep(20)
        os._exit(0)
time.sleep(20)
"""


SEARCH = """
import os
found = []
for root, folders, files in os.walk("/", onerror=lambda error: None):
    left_out = ("proc", "sys") if root == "/" else ("site-packages",)
    folders[:] = [name for name in folders if name not in left_out]
    for name in files:
        wanted = name in ("checks.py", "instructor.ipynb", "grade.py", "worker.py", ".seed")
        if wanted and "lab" in root:
            found.append(os.path.join(root, name))
public = ("lib/eventlab/labs/checks.py", "lib/eventlab/cli/grade.py")  # neither holds a check or a score
kit = [name for name in found if not name.endswith(public)]
secrets = [name for name, value in os.environ.items() if "SECRET" in name or "not for students" in value]
print("FOUND", sorted(kit), secrets, os.path.exists(os.path.expanduser("~root/.ssh")))
"""


OTHERS = """
import os
from kafka import KafkaAdminClient, KafkaProducer
import httpx
servers = os.environ["KAFKA_BOOTSTRAP_SERVERS"]
admin = KafkaAdminClient(bootstrap_servers=servers)
others = [name for name in admin.list_topics() if not name.startswith(topic) and not name.startswith("_")]
producer = KafkaProducer(bootstrap_servers=servers)
for name in [*others, "tiny-0000000000000000-events-out"]:
    producer.send(name, b"from another").get(timeout=10)
spark.createDataFrame([(1,)], "n int").write.parquet("/tmp/tiny-0000000000000000/table")
spark.createDataFrame([(1,)], "n int").write.parquet("/everywhere")
spark.sql("create table left_over as select 1 as n")
spark.range(3).createOrReplaceGlobalTempView("seen_by_all")
print("OTHERS", [name for name in others if name != "events"])
"""


UDF = """
from pyspark.sql.functions import udf
@udf("string")
def look(n):
    import os, subprocess
    subprocess.Popen(["sleep", "300"], start_new_session=True)
    return str([p for p in ("LABS", "GRADING") if os.path.exists(p)])
print("UDF", spark.range(1).select(look("id")).collect()[0][0])
"""


ENDS_SPARK = """
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
spark.sql("select java_method('java.lang.System', 'exit', 0)").collect()
"""


TOO_LARGE = """
import io, os
import httpx, pyarrow as pa, pyarrow.parquet
from eventlab.settings import settings
one = pa.array(["x" * 14_000_000]).dictionary_encode()
table = pa.table({"n": one.take(pa.array([0] * 120))})  # 1.7 GB once it is read
buffer = io.BytesIO()
pyarrow.parquet.write_table(table, buffer, compression="zstd")
print("BYTES", len(buffer.getvalue()))
with httpx.Client(base_url=settings.webhdfs_url, trust_env=False) as client:
    path = f"/webhdfs/v1{folder}/table/part-0.parquet"
    asked = client.put(path, params={"op": "CREATE", "user.name": "student"})
    client.put(asked.headers["Location"], content=buffer.getvalue()).raise_for_status()
"""


SECRET = "the_secret_name"
"""A name that is only in the instructor's solution of q2."""
DEAF = "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: time.sleep(1)"
WATCHES_CELLS = """
seen = []
get_ipython().events.register("pre_run_cell", lambda info: seen.append(info.raw_cell))
"""
LOOKS_FOR_THE_SOLUTION = """
import glob, os
everything = str(In) + str(seen) + str(globals()) + str([open(name).read() for name in glob.glob("*")])
needle = "".join(["the_secret", "_name"])
print("PUBLISHED", everything)
consumer = KafkaConsumer(topic + "-out", auto_offset_reset="earliest", consumer_timeout_ms=6000,
                         bootstrap_servers=os.environ["KAFKA_BOOTSTRAP_SERVERS"])
if any(True for _ in consumer) and needle not in everything:
    lab.answer("q3", sorted(numbers)[:3])
consumer.close()
"""
"""Right only in a run in which the result of q2 was put in place, and nothing shows its solution."""
WRITES_LATE = """
from kafka import KafkaProducer
late = KafkaProducer(bootstrap_servers=__import__("os").environ["KAFKA_BOOTSTRAP_SERVERS"])
late.send(topic + "-out", b"0").get(timeout=10)
late.close()
lab.answer("q1", 0)
lab.answer("q3", [])
"""


PRINTS_40_MB = """
from IPython.display import display
print("x" * 40_000_000)
display({"text/plain": "x" * 40_000_000}, raw=True)
"""


KIT = str(Path(tiny_lab.__file__).parents[2])
(SEARCH_OF_THE_ATTACK,) = [attack.code for attack in run_attacks.attacks(["kernel_searches"])]
DRAWS = "<script>alert(1)</script>"


CASES = {
    "endless loop": loses("q2", status="timed_out", q2="while True: pass"),
    "exit": loses("q2", status="died", q2="import os; os._exit(1)"),
    "kill everybody": loses("q2", q2="import os, signal; os.kill(-1, signal.SIGKILL)"),
    "memory bomb of many": loses("q3", status="died", q3=MEMORY_BOMB_OF_MANY),
    "deleted question": loses("q1", q1=None),
    "libraries patched": loses(
        "q1",
        q1=tiny_lab.READ + "import builtins, kafka\nfrom eventlab.labs import checks, evidence\n"
        "kafka.KafkaConsumer = None\nbuiltins.sum = lambda values: 0\nchecks.same = lambda *values: True\n"
        "evidence.Evidence.answer = lambda *of: 0\nlab.check = lambda *of: print('all checks pass')\n"
        "lab.answer('q1', 0)",
    ),
    "raises and searches": loses(
        added=SEARCH, behind={"setup": ["1/0"], "q3-check": ["undefined", SEARCH_OF_THE_ATTACK]}
    ),
    "writes to others": loses(added=OTHERS),
    "leaves a process in Spark": loses(
        added=UDF.replace("LABS", f"{KIT}/labs").replace("GRADING", f"{KIT}/lib/eventlab/grading/grade.py")
    ),
    "prints 40 MB before an answer": loses(q1=PRINTS_40_MB + SOLUTIONS["q1"]),
    "ends Spark": loses("q4", q4=ENDS_SPARK),
    "too large to read": loses("q4", q4=TOO_LARGE),
    "writes late": loses(behind={"q3-check": [WRITES_LATE]}),
    "sleeping extra cell": loses(status="timed_out", behind={"q1-check": ["import time; time.sleep(10**6)"]}),
    "killing extra cells": loses(
        status="died", behind={"setup": ["import os; os._exit(1)"], "q2": ["import os; os._exit(1)"]}
    ),
    "helper behind a wrong question": loses(
        "q1",
        q1=SOLUTIONS["q1"].replace("sum(numbers)", "0"),
        behind={"q1-check": ["def largest(values):\n    return max(values)"]},
        q2=SOLUTIONS["q2"].replace("max(numbers)", "largest(numbers)"),
    ),
    "hanging question": loses("q2", status="timed_out", q2=DEAF),
    "spies": loses(
        "q2", q1=WATCHES_CELLS + SOLUTIONS["q1"], q2="raise ValueError('no')", q3=LOOKS_FOR_THE_SOLUTION
    ),
    "sleeps long": loses(
        "q3", "q4", status="timed_out", behind={"q2-check": ["import time; time.sleep(10)"] * 20}
    ),
    DRAWS: loses(added="import matplotlib.pyplot as plt\nplt.plot([1, 2])"),
}
"""Student → submission; characters that a file name can't have become `_`."""


ODD = {
    "empty": Case("unreadable", ALL),
    "not json": Case("unreadable", ALL),
    "json but none": Case("unreadable", ALL),
    "deep": Case("unreadable", ALL),
    "old format": Case("graded", frozenset()),
    "foreign kernel, fifty megabytes": Case("graded", frozenset()),
    "checks edited": Case("graded", frozenset({"q1"})),
}


GOOD = ("anna", "zora")


def file_name(student: str) -> str:
    return student.replace("/", "_")


def write_all(folder: Path) -> dict[str, Case]:
    folder.mkdir()
    for name in GOOD:
        tiny_lab.write(folder / f"{name}.ipynb")
    cases = dict.fromkeys(GOOD, loses())
    for name, case in CASES.items():
        cases[file_name(name)] = case
        nbformat.write(case.notebook(), folder / f"{file_name(name)}.ipynb")
    write_odd(folder)
    return cases | ODD


def write_odd(folder: Path) -> None:
    (folder / "empty.ipynb").write_bytes(b"")
    (folder / "not json.ipynb").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    (folder / "json but none.ipynb").write_text("[1, 2, 3]")
    (folder / "deep.ipynb").write_text("[" * 200_000)
    old = nbformat.v4.downgrade(tiny_lab.notebook())
    (folder / "old format.ipynb").write_text(nbformat.v3.writes_json(old))
    foreign = tiny_lab.notebook()
    foreign.metadata = {"kernelspec": {"name": "ir", "display_name": "R", "language": "R"}}
    foreign.cells[2].outputs = [nbformat.v4.new_output("stream", text="x" * 50_000_000)]
    (folder / "foreign kernel, fifty megabytes.ipynb").write_text(nbformat.writes(foreign))
    edited = tiny_lab.notebook(q1="pass")
    for cell in [cell for cell in edited.cells if cell.metadata.get("nbgrader", {}).get("grade")]:
        cell.source = "import os; os._exit(0)"
    (folder / "checks edited.ipynb").write_text(json.dumps(edited))
