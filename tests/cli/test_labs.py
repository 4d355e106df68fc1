"""`eventlab labs list` and `release`, as they are typed."""

from click.testing import CliRunner

from eventlab.cli.labs import labs


def test_list_says_of_each_lab_what_it_is_worth():
    done = CliRunner().invoke(labs, ["list"])

    assert done.exit_code == 0
    assert [line.split()[0] for line in done.output.splitlines()] == [
        "lab01_events",
        "lab02_extract",
        "lab03_sql",
        "lab04_project",
    ]
    assert "4 questions    16 points" in done.output


def test_release_writes_a_folder_a_lab_and_says_where(tmp_path):
    done = CliRunner().invoke(labs, ["release", "lab01", "lab03", "--output", str(tmp_path)])

    assert done.output.splitlines() == [str(tmp_path / "lab01_events"), str(tmp_path / "lab03_sql")]
    assert (tmp_path / "lab01_events" / "lab01_events.ipynb").exists()


def test_a_lab_that_is_not_there_is_an_error(tmp_path):
    done = CliRunner().invoke(labs, ["release", "lab99", "--output", str(tmp_path)])

    assert done.exit_code != 0
    assert not list(tmp_path.iterdir())
