"""The secrets of a grading: the seed of the students' data, and the token of a worker's Spark."""

from __future__ import annotations

from pathlib import Path

import pytest

from eventlab.clients.spark import TOKEN_VARIABLE
from eventlab.grading.environment import sandbox
from eventlab.grading.grade import _secret
from eventlab.grading.jobs import Job
from eventlab.grading.worker import _parameters
from eventlab.grading.worker_process import worker_environment
from eventlab.labs.names import Namespace
from eventlab.settings import Settings
from eventlab.stack.tokens import spark_token


def test_the_secret_of_an_output_folder_stays(tmp_path: Path) -> None:
    secret = _secret(tmp_path)
    assert len(secret) == 32
    assert _secret(tmp_path) == secret
    assert (tmp_path / ".seed").stat().st_mode & 0o077 == 0


def test_no_notebook_gets_its_seed() -> None:
    job = Job("ada", None, None, "", "fingerprint", seed=123_456_789)
    parameters = _parameters(job, Namespace.random("lab01"))
    assert parameters["seed"] == 0
    assert not [value for value in parameters.values() if str(job.seed) in str(value)]


def test_an_empty_seed_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / ".seed").touch()
    assert len(_secret(tmp_path)) == 32
    assert (tmp_path / ".seed").read_text() == _secret(tmp_path)


@pytest.fixture
def instructors(monkeypatch: pytest.MonkeyPatch) -> str:
    """The token of the instructor's own Spark, in the instructor's environment."""
    monkeypatch.setenv(TOKEN_VARIABLE, "the instructor's")
    return "the instructor's"


def test_each_worker_has_a_token_that_is_not_the_instructors(instructors: str, tmp_path: Path) -> None:
    tokens = {worker_environment(tmp_path, contained=True)[TOKEN_VARIABLE] for _ in range(2)}
    assert len(tokens) == 2
    assert instructors not in tokens


def test_all_processes_of_a_worker_have_its_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "the worker's")
    states = [Settings(state_dir=tmp_path / name) for name in ("client", "data", "spark")]
    assert {sandbox.variables(state)[TOKEN_VARIABLE] for state in states} == {"the worker's"}


def test_a_process_that_cannot_use_the_state_folder_has_the_token_of_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    unusable = Settings(state_dir=tmp_path / "file" / "state")
    monkeypatch.setenv(TOKEN_VARIABLE, "the worker's")
    assert spark_token(unusable) == "the worker's"
    monkeypatch.delenv(TOKEN_VARIABLE)
    with pytest.raises(OSError, match="Not a directory"):
        spark_token(unusable)


def test_the_token_in_the_state_folder_comes_before_that_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    own = Settings(state_dir=tmp_path)
    token = spark_token(own)
    monkeypatch.setenv(TOKEN_VARIABLE, "of another stack")
    assert token
    assert spark_token(own) == token
