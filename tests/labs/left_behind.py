"""What a submission left, without services, and the checks of a lab that fail for it."""

from eventlab.labs.catalogue import find
from eventlab.labs.mistakes import Left, verdicts


def failed(lab, question, seed, *, answer=None, tables=None, sent=(), responses=None):
    """Return the names of the checks of a question that fail for what a submission left."""
    left = Left(
        answer=answer,
        tables={name: rows for name, (rows, _) in (tables or {}).items()},
        columns={name: kinds for name, (_, kinds) in (tables or {}).items()},
        events={"game": sent},
        responses={"responses": responses} if responses else {},
    )
    checks = find(lab).checks_of(question)
    found = verdicts(left, question, checks, seed)
    return {check.name for check, verdict in zip(checks, found, strict=True) if not verdict.passed}


def renamed(rows, old, new):
    return [{new if name == old else name: value for name, value in row.items()} for row in rows]
