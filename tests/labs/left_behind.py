"""What a submission left, without services, and the checks of a lab that fail for it."""

from eventlab.labs import mistakes
from eventlab.labs.catalogue import Lab, find
from eventlab.labs.evidence import Evidence
from eventlab.labs.mistakes import Result
from eventlab.labs.names import Namespace
from eventlab.labs.trial import dead_letters_of, topic_of


def failed(lab, question, seed, *, answer=None, tables=None, sent=(), responses=None):
    """Return the names of the checks of a question that fail for what a submission left."""
    result = Result(
        answer=answer,
        tables={name: rows for name, (rows, _) in (tables or {}).items()},
        columns={name: kinds for name, (_, kinds) in (tables or {}).items()},
        events={"game": sent},
        responses={"responses": responses} if responses else {},
    )
    checks = find(lab).checks_of(question)
    found = mistakes.verdicts(result, question, checks, seed)
    return {check.name for check, verdict in zip(checks, found, strict=True) if not verdict.passed}


def verdicts_of_trial(lab, question, seed, trial, *, tables=None, letters=()):
    """Return the verdict of each check of a question for what a job left in a trial; the lab, or its name."""
    namespace = Namespace.of("lab")
    seen = {("rows", name): rows for name, (rows, _) in (tables or {}).items()}
    seen |= {("columns", name): kinds for name, (_, kinds) in (tables or {}).items()}
    seen |= {("messages", dead_letters_of(topic_of(namespace, "q1"))): list(letters)}
    evidence = Evidence(namespace, seed, {}, trial=trial, _seen=seen)
    lab = lab if isinstance(lab, Lab) else find(lab)
    return {check.name: check.run(evidence) for check in lab.checks_of(question)}


def failed_in_trial(lab, question, seed, trial, **left):
    """Return the names of the checks of a question that fail for what a job left in a trial."""
    found = verdicts_of_trial(lab, question, seed, trial, **left)
    return {name for name, verdict in found.items() if not verdict.passed}


def renamed(rows, old, new):
    return [{new if name == old else name: value for name, value in row.items()} for row in rows]
