"""A sample of the attacks in `attacks/`: none succeeds, and the right submission after each has full marks.

`python -m tests.grading.run_attacks` runs all of them.
"""

from __future__ import annotations

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
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """Grade the sample on one worker."""
    found = run_attacks.run(SAMPLE, tmp_path_factory.mktemp("attacks"))
    print(run_attacks.table(found))
    return {outcome.attack.name: outcome for outcome in found}


@pytest.mark.parametrize("name", [attack.name for attack in SAMPLE])
def test_an_attack_fails_and_the_next_submission_has_full_marks(outcomes: dict[str, Outcome], name: str) -> None:
    assert outcomes[name].problems == []
