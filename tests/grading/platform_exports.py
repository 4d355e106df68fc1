"""Small exports of Moodle, Canvas and Blackboard; `eventlab.grading.exports` names the layouts' sources."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

from eventlab.grading.collect import Submission, find

LAB = "lab01_events"
NOTEBOOK = json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


def zipped(files: dict[str, bytes]) -> bytes:
    """Return a zip with these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def write(path: Path, files: dict[str, bytes]) -> Path:
    """Write a zip with these files."""
    path.write_bytes(zipped(files))
    return path


def found(tmp_path: Path, files: dict[str, bytes]) -> dict[str, Submission]:
    """Return the submissions in a zip with these files, by student."""
    return {one.student: one for one in find(write(tmp_path / "e.zip", files), tmp_path / "unpacked", LAB)}


def file_names(one: Submission) -> list[str]:
    """Return the sorted names of a submission's files."""
    assert one.files
    return sorted(path.name for path in one.files.rglob("*") if path.is_file())


MOODLE = {
    "Ada Lovelace_101_assignsubmission_file/lab01_events.ipynb": NOTEBOOK,
    "Ada Lovelace_101_assignsubmission_onlinetext/onlinetext.html": b"<p>Please be kind.</p>",
    "Ben Bitdiddle_102_assignsubmission_file_/work.zip": zipped({"work/lab01_events.ipynb": NOTEBOOK}),
    "Eve_103_assignsubmission_onlinetext/onlinetext.html": b"<p>I forgot the file.</p>",
}
MOODLE_FLAT = {
    "Ada Lovelace_101_assignsubmission_file_lab01_events.ipynb": NOTEBOOK,
    "Ada Lovelace_101_assignsubmission_file_my_api.py": b"x = 1",
    "Ada Lovelace_101_assignsubmission_onlinetext_onlinetext.html": b"<p>Hello</p>",
}
MOODLE_WORKSHEET = """Identifier,"Full name","Email address",Status,Grade,"Maximum Grade","Grade can be changed",\
"Last modified (submission)","Last modified (grade)","Feedback comments"
"Participant 101","Ada Lovelace",ada@example.org,"Submitted for grading",,100.00,Yes,\
"Monday, 2 November 2026, 10:00 AM",-,
"Participant 102","Ben Bitdiddle",ben@example.org,"Submitted for grading - 1 day 2 hours late",,100.00,Yes,\
"Tuesday, 3 November 2026, 2:00 PM",-,
"Participant 103",Eve,eve@example.org,"Submitted for grading",,100.00,Yes,\
"Sunday, 1 November 2026, 9:00 AM",-,
"Participant 104","Kim Absent",kim@example.org,"No submission",,100.00,Yes,-,-,
"""
CANVAS = {
    "lovelaceada_2001_90001_lab01_events.ipynb": NOTEBOOK,
    "lovelaceada_2001_90002_my_api.py": b"x = 1",
    "bitdiddleben_LATE_2002_90003_lab01_events-1.ipynb": NOTEBOOK,
    "hackeralyssap_2003_90004_homework.zip": zipped({"lab01_events.ipynb": NOTEBOOK}),
    "evel_2004_text.html": b"<p>I forgot the file.</p>",
}
CANVAS_GRADEBOOK = """Student,ID,SIS User ID,SIS Login ID,Section,Lab 01: Events (777),Homework (778),Final Score
    Points Possible,,,,,20.00,5.00,(read only)
"Lovelace, Ada",2001,s01,ada,A,,4,80
"Bitdiddle, Ben",2002,s02,ben,A,,,0
"Hacker, Alyssa P",2003,s03,alyssa,B,,,0
"Eve L",2004,s04,eve,B,,,0
"Student, Test",2099,,abcdef,A,,,0
"""
BLACKBOARD = {
    "Lab 1_ada_attempt_2026-11-01-09-00-00.txt": b"Name: Ada Lovelace (ada)\nAssignment: Lab 1\n",
    "Lab 1_ada_attempt_2026-11-01-09-00-00_lab01_events.ipynb": b"first",
    "Lab 1_ada_attempt_2026-11-02-10-00-00.txt": b"Name: Ada Lovelace (ada)\nAssignment: Lab 1\n",
    "Lab 1_ada_attempt_2026-11-02-10-00-00_lab01_events.ipynb": NOTEBOOK,
    "Lab 1_ada_attempt_2026-11-02-10-00-00_my_api.py": b"x = 1",
    "Lab 1_b_bit_attempt_2026-11-03-14-00-00.txt": b"Name: Ben Bitdiddle (b_bit)\nAssignment: Lab 1\n",
    "Lab 1_b_bit_attempt_2026-11-03-14-00-00_lab01_events.ipynb": NOTEBOOK,
}
BLACKBOARD_GRADE_CENTER = """"Last Name"\t"First Name"\t"Username"\t"Student ID"\t"Availability"\t\
"Weighted Total [Total Pts: up to 25 Percentage] |901"\t"Lab 1: Events [Total Pts: 20 Score] |902"\t\
"Essay [Total Pts: 5 Score] |903"
"Lovelace"\t"Ada"\t"ada"\t"17"\t"Yes"\t""\t""\t"4"
"Bitdiddle"\t"Ben"\t"b_bit"\t"18"\t"Yes"\t""\t""\t""
"Müller"\t"Eva"\t"eva"\t"19"\t"Yes"\t""\t"3"\t""
"Course"\t"Demo"\t"course_previewuser"\t""\t"Yes"\t""\t""\t""
"""
"""As Blackboard downloads it: tabs, all fields in quotes; it writes UTF-16 with a mark."""
