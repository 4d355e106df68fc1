"""The catalogue of lessons: their order, titles, minutes, prerequisites, and texts that follow from these.

The notebooks, the README's table and the start page agree with it; tests compare them.
"""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_suffix(".toml")
"""The catalogue: a table for each lesson."""
PATH = {
    "player": "player([player])",
    "api": "api[game API]",
    "kafka": "kafka[(Kafka<br>topic)]",
    "spark": "spark[Spark]",
    "hdfs": "hdfs[(HDFS<br>Parquet files)]",
    "sql": "sql[Spark SQL]",
}
"""The nodes of the path of an event in a Mermaid diagram, by name."""
GREY_ARROWS = '%%{init: {"themeVariables": {"lineColor": "#888888"}}}%%'
"""Arrows that are visible in a light and in a dark theme: a diagram does not change with the theme."""
ARROW_LABELS = ("HTTP", "event", "", "", "")
"""The labels of the arrows between the nodes."""
README_LINK = "../README.md"
"""The target of each lesson's last link; in a learner's copy, it is replaced by the start page."""
EXERCISE, SOLUTION = "exercise", "solution"
"""The tags of a cell for the learner's lines, and of the folded cell with a solution, which tests execute."""
CHECK = re.compile(r'course\.check\("(\d\d-\d)"')
"""The call that checks an exercise, with the exercise's name, such as `01-2`."""
solved: set[str] = set()
"""The exercises whose check has said `correct` since the latest cell of this kernel ended."""
STATE_FILES = ("saved", "lesson-06", "own-topics", "progress.json")
"""What the lessons write to the state folder."""
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
"""The metadata of the notebooks that the kit contains."""
LAST_OF_PART_ONE = 9


def exercise_title(name: str) -> str:
    """Return the title of an exercise: `Exercise 1.2` for `01-2`."""
    lesson, _, number = name.partition("-")
    return f"Exercise {int(lesson)}.{number}"


def nearest_form(name: object) -> str:
    """Return `01-2` for `1.2`, `1-2` and `Exercise 1.2`, and the text of another name as it is."""
    numbers = re.fullmatch(r"\D*(\d{1,2})[.-](\d)\D*", str(name))
    return f"{numbers[1].zfill(2)}-{numbers[2]}" if numbers else str(name)


def beginning(name: str) -> str:
    """Return the beginning of a lesson's name: `04` for its number `4`, and another name as it is."""
    return name.zfill(2) if name.isdecimal() and name.strip("0") else name


@dataclass(frozen=True)
class Lesson:
    """A lesson.

    Attributes:
        name: The file's name without `.ipynb`.
        after: What the learner does before the lesson.
        summary: What the learner does in the lesson, for the README's table.
        nodes: The names of the nodes in PATH that the lesson is about.
    """

    name: str
    title: str
    minutes: int
    after: str
    summary: str
    nodes: list[str]

    @property
    def number(self) -> int:
        """Return the number of the lesson, from 1."""
        return int(self.name[:2])

    @property
    def part(self) -> int:
        """Return the part of the course: 1 ends when the stack is torn down, 2 is about streams and failure."""
        return 1 if self.number <= LAST_OF_PART_ONE else 2

    @property
    def diagram(self) -> str:
        """Return the path of an event as a Mermaid diagram in which this lesson's nodes are marked."""
        arrows = [f" -->|{text}| " if text else " --> " for text in ARROW_LABELS] + [""]
        path = "".join(node + arrow for node, arrow in zip(PATH.values(), arrows, strict=True))
        marked = f"class {','.join(self.nodes)} here"
        style = "classDef here fill:#ffd54f,stroke:#8d6e00,stroke-width:3px,color:#000"
        return f"```mermaid\n{GREY_ARROWS}\nflowchart LR\n    {path}\n    {marked}\n    {style}\n```"

    @property
    def path(self) -> str:
        """Return the same path as one line of Markdown, for a page without Mermaid."""
        arrows = [f" — {text} → " if text else " → " for text in ARROW_LABELS] + [""]
        labels = {name: re.sub(r"^\w+\W+|\W+$", "", node).replace("<br>", " ") for name, node in PATH.items()}
        marked = {name: f"**{label}**" if name in self.nodes else label for name, label in labels.items()}
        return "".join(label + arrow for label, arrow in zip(marked.values(), arrows, strict=True))

    @property
    def links(self) -> str:
        """Return the last line of the notebook: links to the next lesson and to the start page."""
        following = [lesson for lesson in LESSONS if lesson.number == self.number + 1]
        links = [f"**Next:** [{lesson.number}. {lesson.title}]({lesson.name}.ipynb)" for lesson in following]
        return " · ".join([*links, f"[Start page]({README_LINK})"])


LESSONS = [Lesson(**fields) for fields in tomllib.loads(FILE.read_text(encoding="utf-8"))["lesson"]]
