"""Known mistakes: each is a wrong solution of the lab's proof, loses marks, and is told from the others."""

from collections import defaultdict

import pytest

from eventlab.grading.mistakes import with_mistakes
from eventlab.grading.results import CheckResult, Question, SubmissionRecord
from eventlab.labs.catalogue import Lab, all_labs
from eventlab.labs.mistakes import Left, verdicts
from eventlab.labs.seeds import seed_of

LABS = [lab for lab in all_labs() if not lab.jobs]
"""What a wrong job leaves depends on the failures of its trial, so such a lab describes no mistakes."""
QUESTIONS = [(lab, question) for lab in LABS for question in lab.questions]
EACH = pytest.mark.parametrize(("lab", "question"), QUESTIONS, ids=[f"{lab.name}-{q}" for lab, q in QUESTIONS])
SEEDS = [seed_of(str(number), "mistakes") for number in range(2)]
ALIKE = [{"no commit", "another group"}]
"""Mistakes that leave the same: both are named."""


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.name)
def test_a_mistake_is_a_wrong_solution_of_the_proof_and_is_there_once(lab):
    names = [(mistake.question, mistake.mutant) for mistake in lab.mistakes]

    assert set(names) <= {(mutant.question, mutant.name) for mutant in lab.mutants}
    assert len(set(names)) == len(names)
    assert {question for question, _ in names} == set(lab.questions)


@EACH
def test_a_mistake_loses_marks_and_is_told_from_the_others_and_from_an_empty_submission(lab, question):
    checks = lab.checks_of(question)
    for seed in SEEDS:
        alike = defaultdict(set)
        for mistake in (mistake for mistake in lab.mistakes if mistake.question == question):
            found = mistake.verdicts(checks, seed)
            assert not all(verdict.passed for verdict in found), mistake.mutant
            got = [verdict.got for verdict in found]
            assert not [text for text in got if "not described" in text or "could not be" in text], mistake.mutant
            alike[figures(found)].add(mistake.mutant)
        assert figures(verdicts(Left(), question, checks, seed)) not in alike
        assert [names for names in alike.values() if len(names) > 1 and names not in ALIKE] == []


def figures(found):
    return tuple((verdict.passed, verdict.figures or verdict.got) for verdict in found)


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.name)
def test_what_a_mistake_is_can_be_read_after_a_number_of_students(lab):
    for mistake in lab.mistakes:
        assert mistake.did[0].islower()
        assert not mistake.did.endswith(".")
        assert mistake.why.endswith(".")


def test_an_answer_like_that_of_an_empty_submission_is_no_known_mistake(tmp_path):
    (tmp_path / "checks.py").write_text(
        'from eventlab.labs.checks import check, expect\n\n\n@check("q1", points=1, hint="Add them.")\n'
        'def the_sum(evidence):\n    return expect(expected=3, got=evidence.answers.get("q1", 0))\n'
    )
    (tmp_path / "mistakes.py").write_text(
        "from eventlab.labs.mistakes import Left, Mistake\n\nMISTAKES = (\n"
        '    Mistake("q1", "zero", "answered 0", "0 is no sum.", lambda seed: Left(answer=0)),\n'
        '    Mistake("q1", "four", "answered 4", "4 is too much.", lambda seed: Left(answer=4)),\n)\n'
    )
    found = Lab("lab99_sum", tmp_path)
    [check] = found.checks

    def named(answer):
        result = CheckResult.of(check, *verdicts(Left(answer=answer), "q1", [check], 1))
        record = SubmissionRecord("ada", "lab99_sum", "graded", 0, 1, (Question("q1", 0, 1, checks=(result,)),))
        return [mistake.name for mistake in with_mistakes(found, record, 1).questions[0].mistakes]

    assert (named(4), named(0), named(None)) == (["four"], [], [])
