"""Grading what students hand in: executed in a sandbox, judged from outside, always with a record."""
