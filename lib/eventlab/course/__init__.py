"""The course: prepare the state of a lesson, run lessons, update their outputs, and write a report.

Lessons import this package: `course.connect()`, `course.prepare(...)`.
"""

from eventlab.course.preparation import LessonError, connect, ensure_purchases, fresh_topic, prepare, read_values
from eventlab.settings import ROOT

__all__ = ["ROOT", "LessonError", "connect", "ensure_purchases", "fresh_topic", "prepare", "read_values"]
