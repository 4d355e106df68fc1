"""A lab of four small questions for the grader's own tests, and submissions to it of every kind."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbformat import NotebookNode

from eventlab.labs.catalogue import Lab

CHECKS = """
import random

from eventlab.labs import inputs
from eventlab.labs.checks import Verdict, check, expect
from eventlab.labs.evidence import Evidence


def numbers(seed):
    rng = random.Random(seed)
    return [rng.randrange(1000) for _ in range(20)]


def prepare(namespace, seed):
    inputs.send(namespace.topic, [inputs.Outgoing(str(number).encode()) for number in numbers(seed)])


@check("q1", points=2, hint="Add them all.")
def the_sum(evidence: Evidence) -> Verdict:
    return expect(expected=sum(numbers(evidence.seed)), got=evidence.answer("q1"))


@check("q2", points=2, hint="Send the largest.")
def the_largest_was_sent(evidence: Evidence) -> Verdict:
    got = [message.value for message in evidence.messages(evidence.namespace.topic_of("out"))]
    return expect(expected=[str(max(numbers(evidence.seed))).encode()], got=got)


@check("q3", points=2, hint="Sort them.", hidden=True)
def the_three_smallest(evidence: Evidence) -> Verdict:
    return expect(expected=sorted(numbers(evidence.seed))[:3], got=evidence.answer("q3"))


@check("q4", points=2, hint="Write them with Spark.")
def the_table(evidence: Evidence) -> Verdict:
    got = sorted(row["n"] for row in evidence.rows("table"))
    return expect(expected=sorted(numbers(evidence.seed)), got=got)
"""
SETUP = """from eventlab.labs.student import open_lab

lab = open_lab("tiny", student=student, seed=seed, topic=topic, folder=folder, group=group)"""
READ = """from kafka import KafkaConsumer

consumer = KafkaConsumer(topic, auto_offset_reset="earliest", consumer_timeout_ms=8000,
                         bootstrap_servers=__import__("os").environ["KAFKA_BOOTSTRAP_SERVERS"])
numbers = []
for message in consumer:
    numbers.append(int(message.value))
    if len(numbers) == 20:
        break
consumer.close()
"""
SOLUTIONS = {
    "q1": READ + 'lab.answer("q1", sum(numbers))',
    "q2": """from kafka import KafkaProducer

producer = KafkaProducer(bootstrap_servers=__import__("os").environ["KAFKA_BOOTSTRAP_SERVERS"])
producer.send(topic + "-out", str(max(numbers)).encode()).get(timeout=10)
producer.close()""",
    "q3": 'lab.answer("q3", sorted(numbers)[:3])',
    "q4": """from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
spark.createDataFrame([(n,) for n in numbers], "n int").write.parquet(folder + "/table")""",
}
PARAMETERS = 'student = ""\nseed = 0\ntopic = ""\nfolder = ""\ngroup = ""'


def notebook(**replaced: str | None) -> NotebookNode:
    """The lab's notebook with other solutions; None leaves a question's cell out, `added` is a cell at the end."""
    cells = [
        nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}),
        cell("setup", SETUP, locked=True),
    ]
    for question, solution in SOLUTIONS.items():
        source = replaced.get(question, solution)
        if source is not None:
            cells.append(cell(question, source, solution=True))
        cells.append(cell(f"{question}-check", f'lab.check("{question}")', grade=True, locked=True))
    if added := replaced.get("added"):
        cells.append(nbformat.v4.new_code_cell(added))
    return nbformat.v4.new_notebook(cells=cells)


def cell(grade_id: str, source: str, *, grade: bool = False, solution: bool = False, locked: bool = False):
    facts = {"grade_id": grade_id, "grade": grade, "solution": solution, "locked": locked, "schema_version": 3}
    return nbformat.v4.new_code_cell(source, metadata={"nbgrader": facts | ({"points": 2} if grade else {})})


def write(path: Path, **replaced: str | None) -> Path:
    path.write_text(nbformat.writes(notebook(**replaced)))
    return path


def make(folder: Path) -> Lab:
    """The lab's folder."""
    folder.mkdir(parents=True)
    (folder / "checks.py").write_text(CHECKS)
    marked = {q: f"### BEGIN SOLUTION\n{source}\n### END SOLUTION" for q, source in SOLUTIONS.items()}
    write(folder / "instructor.ipynb", **marked)
    return Lab("tiny", folder)
