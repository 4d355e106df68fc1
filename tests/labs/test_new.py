"""A new lab is complete: it can be released, its solution is right, and its wrong solutions are wrong."""

import json
import re
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path

import httpx
import pytest

from eventlab.clients import ports
from eventlab.labs import cells, new
from eventlab.labs.catalogue import LABS, LabError
from eventlab.labs.evidence import Evidence
from eventlab.labs.names import Namespace
from eventlab.labs.release import release
from eventlab.settings import ROOT
from tests.helpers import wait_until
from tests.stacks import free_port

COUNTED = 'answer_q1 = Counter(event["Host"] for event in events if event["event_type"] == "purchase_sword")'
"""The line of the solution that computes the answer."""


@pytest.fixture
def lab(tmp_path):
    return new.create("lab05_swords", tmp_path / "labs")


def verdicts(lab, solution, events, seed):
    """Return the verdict of each check for the answer that a line computes from events."""
    names = {"Counter": Counter, "events": events}
    exec(solution, names)
    evidence = Evidence(Namespace.of("lab05"), seed, answers={"q1": json.loads(json.dumps(names["answer_q1"]))})
    return [check.run(evidence).passed for check in lab.checks]


def events_of(lab, seed):
    return [json.loads(message) for message in lab.module.messages(seed)]


def test_a_new_lab_opens_itself_and_is_released_under_its_name(lab, tmp_path):
    released = release(lab, tmp_path / "out")

    assert {path.name for path in released.iterdir()} == {"lab05_swords.ipynb", "checks.py", "generate.py"}
    text = (released / "lab05_swords.ipynb").read_text()
    assert 'open_lab(\\"lab05_swords\\"' in text
    assert "## Question 1: swords per host (3 points)" in text
    assert "template" not in text
    assert "Counter(event" not in text


@pytest.mark.parametrize("seed", range(1, 30))
def test_its_solution_is_right_and_its_data_exercise_each_rule(lab, seed):
    assert (
        COUNTED in next(cell for cell in cells.read(lab.instructor).cells if cells.grade_id(cell) == "q1").source
    )
    assert verdicts(lab, COUNTED, events_of(lab, seed), seed) == [True, True]
    assert [rule.text for rule in lab.rules if not rule.exercised(seed)] == []


@pytest.mark.parametrize("seed", range(1, 30))
def test_each_wrong_solution_loses_marks(lab, seed):
    for mutant in lab.mutants:
        events = [] if mutant.new == "latest" else events_of(lab, seed)
        assert not all(verdicts(lab, COUNTED.replace(mutant.old, mutant.new), events, seed)), mutant


def test_a_name_that_is_none_of_a_lab_is_refused_with_one_that_is_free(lab):
    with pytest.raises(LabError, match=r"Next: eventlab labs new lab06_guild_war"):
        new.create("Guild War", lab.folder.parent)


def test_the_command_that_is_proposed_names_the_folder_and_works(tmp_path):
    folder = tmp_path / "my labs"
    with pytest.raises(LabError) as wrong:
        new.create("Guild War", folder)
    [*_, name, option, named] = shlex.split(wrong.value.next_command)

    assert (option, named) == ("--folder", str(folder))
    assert new.create(name, folder).name == name
    assert not list(LABS.glob(f"{name.partition('_')[0]}_*"))  # the number names topics


def test_a_number_that_is_in_use_is_refused_because_it_names_topics(lab):
    with pytest.raises(LabError, match=r"lab05_swords exists(?s:.)*Next: eventlab labs new lab06_guilds"):
        new.create("lab05_guilds", lab.folder.parent)
    assert [path.name for path in lab.folder.parent.iterdir()] == ["lab05_swords"]


@pytest.mark.parametrize("seed", range(1, 30))
def test_each_known_mistake_has_the_figures_of_its_wrong_solution(lab, seed):
    mutants = {mutant.name: mutant for mutant in lab.mutants}
    assert len(lab.mistakes) == 2
    for mistake in lab.mistakes:
        mutant = mutants[mistake.mutant]
        names = {"Counter": Counter, "events": events_of(lab, seed)}
        exec(COUNTED.replace(mutant.old, mutant.new), names)
        evidence = Evidence(Namespace.of("lab05"), seed, answers={"q1": dict(names["answer_q1"])})
        assert [verdict.figures for verdict in mistake.verdicts(lab.checks, seed)] == [
            check.run(evidence).figures for check in lab.checks
        ]


@pytest.mark.services
def test_the_command_of_the_readme_opens_the_notebook_in_jupyterlab(lab):
    written = re.search(r"open the notebook with `(\S+) lab labs/\S+`", (ROOT / "labs" / "README.md").read_text())
    assert written
    port = free_port()
    options = ["--no-browser", "--allow-root", f"--ServerApp.port={port}", "--IdentityProvider.token="]
    command = [str(Path(sys.executable).with_name(written[1])), "lab", str(lab.instructor), *options]

    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:
        try:
            wait_until(lambda: ports.is_open(port), 60)
            answer = httpx.get(f"http://127.0.0.1:{port}/api/contents/{lab.instructor.name}")
        finally:
            server.terminate()

    assert answer.json()["type"] == "notebook"
