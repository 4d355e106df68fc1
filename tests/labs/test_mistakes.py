"""Known mistakes: each is a wrong solution of the lab's proof, loses marks, and is told from the others."""

import pytest

from eventlab.grading.execution import marks
from eventlab.grading.execution.notebook import instructor_steps
from eventlab.grading.execution.run import Run
from eventlab.grading.jobs import DEFAULT_LIMITS
from eventlab.grading.mistakes import with_mistakes
from eventlab.grading.results import CheckResult, Question, SubmissionRecord
from eventlab.grading.trials import seed_of_trial
from eventlab.labs import cells
from eventlab.labs.catalogue import Lab, all_labs
from eventlab.labs.mistakes import Mistake, Result, verdicts
from eventlab.labs.seeds import further, seed_of

LABS = all_labs()
QUESTIONS = [(lab, question) for lab in LABS for question in lab.questions]
EACH = pytest.mark.parametrize(("lab", "question"), QUESTIONS, ids=[f"{lab.name}-{q}" for lab, q in QUESTIONS])
SEEDS = [seed_of(str(number), "mistakes", "practice") for number in range(2)]
ALIKE = [{"no commit", "another group"}]
"""Mistakes that leave the same: both are named."""


@pytest.fixture(scope="module", autouse=True)
def _each_mistakes_verdicts_once():
    """Keep the verdicts on a mistake with the data of a seed: each is compared with those on all others."""
    compute, known = Mistake.verdicts, {}

    def verdicts_once(mistake, checks, seed):
        key = (mistake.question, mistake.result, seed)
        if key not in known:
            known[key] = compute(mistake, checks, seed)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Mistake, "verdicts", verdicts_once)
        yield


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.name)
def test_a_mistake_is_a_wrong_solution_of_the_proof_and_is_there_once(lab):
    names = [(mistake.question, mistake.mutant) for mistake in lab.mistakes]

    assert set(names) <= {(mutant.question, mutant.name) for mutant in lab.mutants}
    assert len(set(names)) == len(names)
    assert {question for question, _ in names} == set(lab.questions)


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.name)
def test_each_wrong_solution_is_a_known_mistake_or_says_why_it_cannot_be(lab):
    known = {(mistake.question, mistake.mutant) for mistake in lab.mistakes}
    for mutant in lab.mutants:
        assert ((mutant.question, mutant.name) in known) != bool(mutant.not_described), mutant
    assert sum(bool(mutant.not_described) for mutant in lab.mutants) <= 2


@EACH
def test_a_mistake_loses_marks_and_is_told_from_the_others_and_from_an_empty_submission(lab, question):
    checks = lab.checks_of(question)
    for seed in SEEDS:
        for mistake in (mistake for mistake in lab.mistakes if mistake.question == question):
            found = mistake.verdicts(checks, seed_of_checks(lab, question, seed))
            assert not all(verdict.passed for verdict in found), mistake.mutant
            got = [verdict.got for verdict in found]
            assert not [text for text in got if "not described" in text or "could not be" in text], mistake.mutant
            names = recognized(lab, question, seed, found)
            assert mistake.mutant in names
            assert len(names) == 1 or names in ALIKE
        assert recognized(lab, question, seed, verdicts(Result(), question, checks, seed)) == set()


def test_a_mistake_is_recognized_in_a_run_with_other_data():
    lab = next(lab for lab in LABS if lab.name == "lab01_events")
    mistake = next(one for one in lab.mistakes if (one.question, one.mutant) == ("q2", "swords only"))
    run = Run(seed=further(SEEDS[0]))
    found = mistake.verdicts(lab.checks_of("q2"), run.seed)
    run.checks["q2"] = tuple(map(CheckResult.of, lab.checks_of("q2"), found))
    matched = instructor_steps(cells.read(lab.instructor))

    record = marks.record(lab, "ada", matched, [Run(seed=SEEDS[0]), run], DEFAULT_LIMITS)

    (question,) = (one for one in with_mistakes(lab, record, SEEDS[0]).questions if one.id == "q2")
    assert [known.name for known in question.mistakes] == ["swords only"]


def seed_of_checks(lab, question, seed):
    return seed_of_trial(seed) if question in lab.jobs else seed


def recognized(lab, question, seed, found):
    """The names of the mistakes in the record of a submission with these verdicts."""
    results = tuple(map(CheckResult.of, lab.checks_of(question), found))
    questions = (Question(question, 0, 1, checks=results),)
    record = with_mistakes(lab, SubmissionRecord("ada", lab.name, "graded", 0, 1, questions), seed)
    return {mistake.name for mistake in record.questions[0].mistakes}


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
        "from eventlab.labs.mistakes import Result, Mistake\n\nMISTAKES = (\n"
        '    Mistake("q1", "zero", "answered 0", "0 is no sum.", lambda seed: Result(answer=0)),\n'
        '    Mistake("q1", "four", "answered 4", "4 is too much.", lambda seed: Result(answer=4)),\n)\n'
    )
    found = Lab("lab99_sum", tmp_path)

    def named(answer):
        return recognized(found, "q1", 1, verdicts(Result(answer=answer), "q1", found.checks, 1))

    assert (named(4), named(0), named(None)) == ({"four"}, set(), set())
