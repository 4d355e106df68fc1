"""The commands `eventlab labs list` and `release`."""

from click.testing import CliRunner

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
