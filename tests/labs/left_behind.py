"""What a submission left, without services, and the checks of a lab that fail for it."""

import json

from eventlab.labs.catalogue import find
from eventlab.labs.evidence import Evidence, Message
from eventlab.labs.names import Namespace


def failed(lab, question, seed, **left):
    """Return the names of the checks of a question that fail for what a submission left."""
    return {name for name, verdict in verdicts(lab, question, seed, **left).items() if not verdict.passed}


def verdicts(lab, question, seed, *, answer=None, tables=None, sent=(), responses=None, letters=(), trial=None):
    """Return the verdict of each check of a question for what a submission left."""
    namespace = Namespace.of("lab")
    seen = {("rows", name): rows for name, (rows, _) in (tables or {}).items()}
    seen |= {("columns", name): kinds for name, (_, kinds) in (tables or {}).items()}
    seen |= {("messages", namespace.topic_of("game")): [as_message(event) for event in sent]}
    seen |= {("responses", ""): responses} if responses else {}
    seen |= {("messages", f"{namespace.topic}-dead"): list(letters)}
    answers = {} if answer is None else {question: answer}
    evidence = Evidence(namespace, seed, answers, trial=trial or {}, _seen=seen)
    return {check.name: check.run(evidence) for check in find(lab).checks_of(question)}


def as_message(event):
    return Message(0, 0, 0, None, json.dumps(event).encode())


def renamed(rows, old, new):
    return [{new if name == old else name: value for name, value in row.items()} for row in rows]
