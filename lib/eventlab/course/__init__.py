"""The course: prepare the state of a lesson, ask and check the learner, run lessons, and write a report.

Lessons import this package: `course.prepare(...)`, `course.predict(...)`, `course.check(...)`.
"""

from eventlab.course.preparation import (
    LessonError,
    connect,
    ensure_purchases,
    fresh_topic,
    prepare,
)
from eventlab.course.program import show_program
from eventlab.course.quiz import predict
from eventlab.course.topics import end_offset, read_values
from eventlab.course.verdict import check
from eventlab.settings import ROOT

__all__ = [
    "ROOT",
    "LessonError",
    "check",
    "connect",
    "end_offset",
    "ensure_purchases",
    "fresh_topic",
    "predict",
    "prepare",
    "read_values",
    "show_program",
]
