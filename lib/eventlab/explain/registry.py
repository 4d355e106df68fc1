"""All explanations, in the order in which they are asked: the more particular ones first."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Any

from eventlab.explain.explanation import Explain, Explanation
from eventlab.explain.failure import Failure
from eventlab.explain.python import another_python


def first(failure: Failure) -> Explanation | None:
    """The first explanation that is confirmed; one that breaks while probing is as good as none."""
    if failure.error and (explanation := another_python(failure)):
        return explanation  # where this is so, what the others need may not be there
    from eventlab.settings import settings

    return confirmed(explanations(), failure, settings)


def confirmed(all_of_them: Iterable[Explain], failure: Failure, settings: Any) -> Explanation | None:
    for explain in all_of_them:
        with contextlib.suppress(Exception):
            if found := explain(failure, settings):
                return found
    return None


def explanations() -> list[Explain]:
    """Imported when asked for: most cells never fail."""
    from eventlab.explain import api, hdfs, java, kafka, machine, rows, shell, spark, stream

    return [
        *java.EXPLANATIONS,
        *machine.EXPLANATIONS,
        *stream.EXPLANATIONS,
        *kafka.EXPLANATIONS,
        *hdfs.EXPLANATIONS,
        *spark.EXPLANATIONS,
        *rows.EXPLANATIONS,
        *api.EXPLANATIONS,
        *shell.EXPLANATIONS,
    ]
