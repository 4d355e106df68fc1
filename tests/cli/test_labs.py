"""The commands `eventlab labs list`, `new` and `release`."""

from click.testing import CliRunner

from eventlab.cli.app import main
from eventlab.cli.labs import labs


def test_list_shows_the_points_of_each_lab():
    done = CliRunner().invoke(labs, ["list"])

    assert done.exit_code == 0
    assert [line.split()[0] for line in done.output.splitlines()] == [
        "lab01_events",
        "lab02_extract",
        "lab03_sql",
        "lab04_project",
        "lab05_stream",
    ]
    assert "4 questions    16 points" in done.output


def test_release_writes_one_folder_per_lab_and_prints_its_path(tmp_path):
    done = CliRunner().invoke(labs, ["release", "lab01", "lab03", "--output", str(tmp_path)])

    assert done.output.splitlines() == [str(tmp_path / "lab01_events"), str(tmp_path / "lab03_sql")]
    assert (tmp_path / "lab01_events" / "lab01_events.ipynb").exists()


def test_an_unknown_lab_is_an_error(tmp_path):
    done = CliRunner().invoke(labs, ["release", "lab99", "--output", str(tmp_path)])

    assert done.exit_code != 0
    assert not list(tmp_path.iterdir())


def test_a_new_lab_is_written_and_the_next_command_verifies_it(tmp_path):
    done = CliRunner().invoke(labs, ["new", "lab05_guilds", "--folder", str(tmp_path)])

    assert done.exit_code == 0, done.output
    assert (tmp_path / "lab05_guilds" / "student.ipynb").exists()
    assert f"eventlab labs verify {tmp_path / 'lab05_guilds'} --runs 1" in done.output


def test_a_lab_that_does_not_fit_is_not_released_and_the_next_command_is_the_same(tmp_path):
    own = tmp_path / "lab05_guilds"
    CliRunner().invoke(labs, ["new", own.name, "--folder", str(tmp_path)])
    notebook = own / "instructor.ipynb"
    notebook.write_text(notebook.read_text().replace("q1-check", "q2-check").replace('\\"template', '\\"other'))

    done = CliRunner().invoke(main, ["labs", "release", "lab01", str(own), "--output", str(tmp_path / "out")])

    assert done.exit_code == 1
    assert "lab05_guilds has 3 problems" in done.output
    assert f"Next: eventlab labs release lab01 {own}" in done.output
    assert not (tmp_path / "out").exists()


def test_verify_lists_wrong_solutions_that_cannot_be_made_before_it_grades(tmp_path):
    own = tmp_path / "lab05_guilds"
    CliRunner().invoke(labs, ["new", own.name, "--folder", str(tmp_path)])
    proof = own / "proof.py"
    proof.write_text(proof.read_text().replace('"earliest"', '"always"'))

    done = CliRunner().invoke(main, ["labs", "verify", str(own)])

    assert done.exit_code == 1
    assert "'always' occurs 0 times in the solution of q1" in done.output


def test_nbgraders_source_notebook_has_the_points(tmp_path):
    done = CliRunner().invoke(labs, ["release", "lab01", "--nbgrader", str(tmp_path)])

    source = tmp_path / "source" / "lab01_events" / "lab01_events.ipynb"
    assert done.output.splitlines() == [str(source)]
    assert '"points": 5' in source.read_text()
    assert "BEGIN SOLUTION" in source.read_text()
