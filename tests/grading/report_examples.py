"""Records of submissions, and the tags of a page."""

import csv
import io
from dataclasses import replace
from html.parser import HTMLParser

from eventlab.grading.results import CheckResult, Question, SubmissionRecord

ATTACK = "<script>alert(1)</script><img src=x onerror=alert(1)>"


HIDDEN = CheckResult(
    "no_duplicates", "q1", False, 0, 2, True, "is every event unique?", "17 of secret", "19 of secret"
)


PUBLIC = CheckResult("every_sword", "q1", True, 1, 1, False, "filter by event_type", "20", "20")


MISSED = CheckResult(
    "right_columns", "q2", False, 0, 1.5, False, "print the schema", "Host: string", "host: string"
)


def record(student="ada", **fields):
    questions = (
        Question("q1", 1, 3, "", (PUBLIC, HIDDEN)),
        Question("q2", 0, 1.5, "your cell ran past 60 s", (MISSED,)),
    )
    whole = SubmissionRecord(
        student, "lab01_events", "timed_out", 1, 4.5, questions, ("killed at q2",), "bwrap", 2.4
    )
    return replace(whole, **fields)


def read(text):
    return list(csv.DictReader(io.StringIO(text)))


class Tags(HTMLParser):
    """Every tag and attribute that a browser would see."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes = set(), set()
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes.update(f"{name}={(value or '')[:11]}" for name, value in attrs)


def assert_harmless(html):
    found = Tags(html)
    assert not found.tags & {"script", "iframe", "svg", "object", "embed", "form", "input", "link", "base", "math"}
    assert not [each for each in found.attributes if each.startswith("on") or "javascript" in each.lower()]
    assert not [
        each for each in found.attributes if each.startswith("src=") and not each.startswith("src=data:im")
    ]
