"""With each seed a lab's data exercise each rule that its text states, so that nothing wrong is right by luck."""

from collections import Counter

import pytest

from eventlab.labs.catalogue import all_labs
from eventlab.labs.seeds import seed_of

SEEDS = [*range(1, 101), *(seed_of(f"student {number}", "a lab", "grading") for number in range(100))]
EACH = pytest.mark.parametrize("lab", all_labs(), ids=lambda lab: lab.name)


@EACH
def test_each_seed_exercises_each_rule(lab):
    missed = Counter(
        f"{rule.question} {rule.text}" for seed in SEEDS for rule in lab.rules if not rule.exercised(seed)
    )

    assert missed == Counter()


@EACH
def test_each_question_has_rules_with_different_texts(lab):
    assert {rule.question for rule in lab.rules} == set(lab.questions)
    assert len({(rule.question, rule.text) for rule in lab.rules}) == len(lab.rules)
