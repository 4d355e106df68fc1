"""The names of topics, folders and groups that belong to one student and lab."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass


@dataclass(frozen=True)
class Namespace:
    """A topic, an HDFS folder and a consumer group; further topics are `topic_of(...)`."""

    prefix: str
    topic: str
    folder: str
    group: str

    @classmethod
    def of(cls, prefix: str) -> Namespace:
        """Return the namespace whose names start with a prefix."""
        return cls(prefix, f"{prefix}-events", f"/tmp/{prefix}", f"{prefix}-group")

    @classmethod
    def of_student(cls, lab: str, student: str) -> Namespace:
        """Return the namespace of a student's interactive work: the same each time the notebook is opened."""
        readable = re.sub(r"[^a-z0-9]+", "-", student.lower()).strip("-")[:20]
        digest = hashlib.sha256(student.encode("utf-8", "surrogatepass")).hexdigest()[:6]
        return cls.of("-".join(part for part in (_short(lab), readable, digest) if part))

    @classmethod
    def random(cls, lab: str) -> Namespace:
        """Return a namespace that nobody can guess, for grading."""
        return cls.of(f"{_short(lab)}-{secrets.token_hex(8)}")

    def topic_of(self, suffix: str) -> str:
        """Return the name of a further topic, as notebooks write it: `topic + "-rewards"`."""
        return f"{self.topic}-{suffix}"


def _short(lab: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", lab.lower().split("_")[0])
