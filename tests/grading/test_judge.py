"""The judge looks at what may be made to break it: a check that does costs itself, and no other."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventlab.grading import judge as module
from eventlab.grading.inside.lines import LineReader
from eventlab.grading.judge import Judge, JudgeError
from eventlab.labs.catalogue import Lab
from eventlab.labs.checks import TOO_LARGE, Verdict
from eventlab.labs.evidence import Evidence
from eventlab.labs.names import Namespace
from tests.helpers import ended_by

pytestmark = pytest.mark.services

CHECKS = """
import os, time
from eventlab.labs.checks import check, expect


@check("q1", points=1, hint="")
def right(evidence):
    print("not for the grader")
    return expect(expected=evidence.seed, got=evidence.answer("q1"))


@check("q1", points=1, hint="")
def large(evidence):
    return expect(expected=0, got=len(b"x" * evidence.answer("bytes")))


@check("q1", points=1, hint="")
def ends_the_judge(evidence):
    if evidence.answer("end"):
        os.kill(os.getpid(), evidence.answer("end"))
    return expect(expected=1, got=1)


@check("q1", points=1, hint="")
def slow(evidence):
    time.sleep(evidence.answer("sleep"))
    return expect(expected=evidence.files["a.py"], got=b"made")
"""
EVIDENCE = {"q1": 5, "bytes": 0, "end": 0, "sleep": 0}


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judge]:
    folder = tmp_path_factory.mktemp("lab")
    (folder / "checks.py").write_text(CHECKS)
    opened = Judge(Lab(folder.name, Path(folder)), memory=400_000_000)
    yield opened
    opened.close()


def verdicts(judge: Judge, **answers: object) -> list[Verdict]:
    answered = EVIDENCE | answers
    return judge.verdicts(Evidence(Namespace.of("x"), 5, answers=answered, files={"a.py": b"made"}), "q1")


def test_each_check_has_its_verdict(judge: Judge) -> None:
    found = verdicts(judge)
    assert [verdict.passed for verdict in found] == [True] * 4
    assert found[0] == Verdict(True, "5", "5")


def test_what_is_too_large_costs_its_own_check_and_says_so(judge: Judge) -> None:
    found = verdicts(judge, bytes=2_000_000_000)
    assert [verdict.passed for verdict in found] == [True, False, True, True]
    assert found[1].got == TOO_LARGE


def test_a_check_that_ends_the_judge_costs_no_other(judge: Judge) -> None:
    found = verdicts(judge, end=signal.SIGSEGV)
    assert [verdict.passed for verdict in found] == [True, True, False, True]
    assert found[2].got == TOO_LARGE


def test_a_judge_that_the_machine_kills_is_no_verdict(judge: Judge) -> None:
    with pytest.raises(JudgeError, match="killed"):
        verdicts(judge, end=signal.SIGKILL)
    assert [verdict.passed for verdict in verdicts(judge)] == [True] * 4


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_judge_that_somebody_ends_is_no_verdict(judge: Judge, number: int) -> None:
    ended = Judge(judge.lab)
    ended._process = subprocess.Popen(
        [sys.executable, "-c", ended_by(number)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert ended._process.stdout
    ended._reader = LineReader(ended._process.stdout.fileno())
    with pytest.raises(JudgeError, match="killed"):
        ended._verdict(30)


def test_a_judge_that_does_not_start_is_no_verdict(tmp_path: Path) -> None:
    (tmp_path / "checks.py").write_text("raise SystemExit(3)")
    judge = Judge(Lab("tiny", tmp_path))
    with pytest.raises(JudgeError, match=r"the judge did not start \(exit code 3\)"):
        judge._send(Evidence(Namespace.of("x"), 5, answers={}), "q1", skip=0)


def test_a_check_that_does_not_end_is_ended_and_may_be_tried_again(
    judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdicts(judge)
    monkeypatch.setattr(module, "CHECK_TIMEOUT_S", 1)
    found = verdicts(judge, sleep=300)
    assert [verdict.passed for verdict in found] == [True, True, True, False]
    assert "within" in found[3].got
    assert [verdict.unavailable for verdict in found] == [False, False, False, True]
