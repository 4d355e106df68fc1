"""The course: prepare the state of a lesson, run lessons, update their outputs, and write a report.

Lessons import this package: `course.connect()`, `course.prepare(...)`.
"""

from eventlab.course.preparation import (
    ROOT,
    LessonError,
    connect,
    ensure_purchases,
    fresh_topic,
    prepare,
    read_values,
)

__all__ = ["ROOT", "LessonError", "connect", "ensure_purchases", "fresh_topic", "prepare", "read_values"]
