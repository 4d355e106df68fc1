"""A sample of the attacks in `attacks/`: none succeeds, and in each order all submissions have the same marks.

That submissions have the same marks with two workers is shown by `test_difficult_submissions.py`.

`python -m tests.grading.run_attacks` runs all of them, with `--orders` also in another order and on fresh stacks.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from eventlab.grading.environment import sandbox
from tests.grading import run_attacks
from tests.grading.run_attacks import Outcome
from tests.skips import requires_tool

pytestmark = [
    pytest.mark.services,
    pytest.mark.timeout(600),
    requires_tool("bwrap", sandbox.support().reason),
]
SAMPLE = [attack for attack in run_attacks.attacks() if attack.sample]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("attacks")


AGAIN = SAMPLE[:1]


@pytest.fixture(scope="module")
def graded(folder: Path) -> list[Outcome]:
    """Grade each attack on one worker before a right and a wrong submission, then some in another order."""
    outcomes = run_attacks.run([*SAMPLE, *AGAIN], folder / "graded", shuffle=0, in_order=len(SAMPLE))
    print(run_attacks.table(outcomes))
    return outcomes


@pytest.fixture(scope="module")
def in_order(graded: list[Outcome]) -> list[Outcome]:
    """Return the outcomes of the sample."""
    return graded[: len(SAMPLE)]


@pytest.mark.parametrize("number", range(len(SAMPLE)), ids=[attack.name for attack in SAMPLE])
def test_an_attack_fails_and_those_after_it_have_their_marks(in_order: list[Outcome], number: int) -> None:
    assert in_order[number].problems == []


def test_another_order_gives_the_same_marks(graded: list[Outcome]) -> None:
    again = graded[len(SAMPLE) :]

    assert [one.attack for one in again] == AGAIN
    assert run_attacks.differences(graded[: len(AGAIN)], again) == []
