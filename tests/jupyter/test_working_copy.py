"""A learner's own copies of the notebooks: created, updated, and never overwritten."""

import json
from concurrent.futures import ThreadPoolExecutor

import nbformat
import pytest
from ipykernel.ipkernel import IPythonKernel

from eventlab.jupyter import start_page, working_copy
from eventlab.jupyter.working_copy import WorkingCopyError
from eventlab.settings import ROOT, OwnSettings
from tests.jupyter.copies import NAME, change, changeable_kit, names, run_once, sources


@pytest.fixture
def kit(tmp_path, monkeypatch):
    """Use a kit whose lessons a test can change."""
    return changeable_kit(tmp_path, monkeypatch)


@pytest.fixture
def settings(tmp_path):
    """Return settings with an empty state folder."""
    return OwnSettings(state_dir=tmp_path / "state")


@pytest.fixture
def work(kit, settings):
    """Create the copies, and return their folder."""
    working_copy.update(settings)
    return settings.work_dir


def cells_of(notebook):
    """Return the cells of a notebook."""
    return json.loads(notebook.read_text())["cells"]


def is_solution(cell):
    """Return whether a cell contains the solution of an exercise."""
    return "solution" in cell["metadata"].get("tags", ())


def test_a_copy_has_the_cells_of_the_lesson_and_no_outputs(work, kit):
    cells = cells_of(work / f"{NAME}.ipynb")
    pairs = zip(cells[:-1], cells_of(kit / "notebooks" / f"{NAME}.ipynb"), strict=False)

    assert all(
        (cell["source"], cell["id"]) == ("".join(original["source"]), original["id"])
        for cell, original in pairs
        if not is_solution(original)
    )
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)


def test_a_solution_is_a_folded_text_in_a_copy_so_that_nothing_runs_it_by_accident(work):
    for original in working_copy.lessons():
        solutions = [cell for cell in cells_of(original.path) if is_solution(cell)]
        copied = [cell for cell in cells_of(work / original.copy) if is_solution(cell)]
        number = int(original.name[:2])
        for exercise, (solution, text) in enumerate(zip(solutions, copied, strict=True), 1):
            assert text["cell_type"] == "markdown"
            assert text["source"] == (
                f"<details><summary>Solution of exercise {number}.{exercise}</summary>\n\n"
                f"```python\n{''.join(solution['source'])}\n```\n\n</details>"
            )
        nbformat.validate(nbformat.read(work / original.copy, as_version=4))


def test_a_copy_of_an_earlier_kit_with_solutions_that_run_is_replaced_or_kept(work, settings):
    """Earlier copies have each solution in a code cell. One that the learner has begun gets a new version."""
    begun, untouched = (work / f"{name}.ipynb" for name in (NAME, "03_generate_load"))
    record = json.loads((work / working_copy.RECORD).read_text())
    for copy in (begun, untouched):
        as_before = json.loads((working_copy.ROOT / "notebooks" / copy.name).read_text())
        for cell in as_before["cells"]:
            if cell["cell_type"] == "code":
                cell["outputs"], cell["execution_count"] = [], None
        copy.write_text(json.dumps(as_before))
        record[copy.name]["version"] = working_copy.fingerprint(copy)
    (work / working_copy.RECORD).write_text(json.dumps(record))
    change(begun, "mine")
    mine = begun.read_bytes()

    working_copy.update(settings)

    assert begun.read_bytes() == mine
    assert names(work) == [f"{NAME}.ipynb", f"{NAME}.new.ipynb"]
    assert "Solution of exercise 3.1" in "".join(sources(untouched))


def test_a_copy_says_what_its_kernel_says_so_that_jupyterlab_has_nothing_to_save(work):
    language = json.loads((work / f"{NAME}.ipynb").read_text())["metadata"]["language_info"]

    assert language == IPythonKernel.language_info


def test_all_links_of_the_copies_lead_to_files_of_the_folder(work, settings):
    page = start_page.write(settings).read_text()
    links = [link for path in work.glob("*.ipynb") for text in sources(path) for link in _links(text)]
    links += [link for link in _links(page) if not link.startswith("labs/")]

    assert {"start.md", "EXPLANATIONS.md"} <= set(links)
    assert [link for link in links if not (work / link).exists()] == []


def _links(text):
    return [part.partition(")")[0] for part in text.split("](")[1:] if not part.startswith("http")]


def test_a_learners_lab_has_no_notebook_for_instructors(work):
    assert [path.name for path in work.glob("labs/*/*")] == ["student.ipynb"]


def test_an_unchanged_copy_follows_the_lesson(work, kit, settings):
    change(kit / "notebooks" / f"{NAME}.ipynb", "a better lesson")

    working_copy.update(settings)

    assert "# a better lesson" in "".join(sources(work / f"{NAME}.ipynb"))
    assert names(work) == [f"{NAME}.ipynb"]


def test_a_copy_that_jupyterlab_only_opened_and_saved_is_unchanged(work, kit, settings):
    copy = work / f"{NAME}.ipynb"
    content = json.loads(copy.read_text())
    content["metadata"]["language_info"]["version"] = "3.13"
    content["cells"][2]["metadata"]["collapsed"] = False
    copy.write_text(json.dumps(content))
    change(kit / "notebooks" / f"{NAME}.ipynb", "a better lesson")

    working_copy.update(settings)

    assert "# a better lesson" in "".join(sources(copy))


def test_a_new_version_is_written_next_to_a_copy_that_the_learner_has_changed(work, kit, settings):
    change(work / f"{NAME}.ipynb", "mine")
    mine = (work / f"{NAME}.ipynb").read_bytes()
    for version in ("a better lesson", "an even better lesson"):
        change(kit / "notebooks" / f"{NAME}.ipynb", version)
        working_copy.update(settings)

    assert (work / f"{NAME}.ipynb").read_bytes() == mine
    assert names(work) == [f"{NAME}.ipynb", f"{NAME}.new.ipynb"]
    assert "# an even better lesson" in "".join(sources(work / f"{NAME}.new.ipynb"))
    page = start_page.write(settings).read_text()
    assert f"[new version]({NAME}.new.ipynb)" in page
    assert page.count("new version]") == 1


@pytest.mark.parametrize("has_run", [False, True])
def test_a_new_version_that_the_learner_has_taken_is_new_no_longer(work, kit, settings, has_run):
    change(work / f"{NAME}.ipynb", "mine")
    change(kit / "notebooks" / f"{NAME}.ipynb", "a better lesson")
    working_copy.update(settings)

    (work / f"{NAME}.ipynb").write_text((work / f"{NAME}.new.ipynb").read_text())
    if has_run:
        run_once(work / f"{NAME}.ipynb")
    working_copy.update(settings)

    assert names(work) == [f"{NAME}.ipynb"]
    assert "new version" not in start_page.write(settings).read_text()


def test_a_new_version_that_the_kit_takes_back_is_withdrawn(work, kit, settings):
    change(work / f"{NAME}.ipynb", "mine")
    before = (kit / "notebooks" / f"{NAME}.ipynb").read_text()
    change(kit / "notebooks" / f"{NAME}.ipynb", "a better lesson")
    working_copy.update(settings)

    (kit / "notebooks" / f"{NAME}.ipynb").write_text(before)
    working_copy.update(settings)

    assert names(work) == [f"{NAME}.ipynb"]


def test_a_new_version_that_the_learner_has_changed_stays_but_is_not_called_new(work, kit, settings):
    change(work / f"{NAME}.ipynb", "mine")
    change(kit / "notebooks" / f"{NAME}.ipynb", "a better lesson")
    working_copy.update(settings)
    (work / f"{NAME}.ipynb").write_text((work / f"{NAME}.new.ipynb").read_text())
    change(work / f"{NAME}.new.ipynb", "mine, too")
    working_copy.update(settings)

    assert names(work) == [f"{NAME}.ipynb", f"{NAME}.new.ipynb"]
    assert "new version" not in start_page.write(settings).read_text()


def test_the_programs_that_lessons_show_are_there_to_read_and_follow_the_kit(work, kit, settings):
    for name, source in (("game_api.py", kit), ("sword_purchases.py", kit / "notebooks")):
        assert (work / name).read_text() == (source / name).read_text()
        assert (work / name).stat().st_mode & 0o222 == 0, "nobody may write it"
    assert (
        "[game_api.py](game_api.py) and [sword_purchases.py](sword_purchases.py)"
        in start_page.write(settings).read_text()
    )
    (kit / "game_api.py").write_text("# a better API\n")

    working_copy.update(settings)

    assert (work / "game_api.py").read_text() == "# a better API\n"


def test_a_program_that_the_learner_has_changed_is_kept(work, kit, settings):
    (work / "game_api.py").chmod(0o644)
    (work / "game_api.py").write_text("# mine\n")
    (work / "sword_purchases.py").unlink()

    for text in ("# a better API\n", "# an even better API\n"):
        (kit / "game_api.py").write_text(text)
        working_copy.update(settings)

    assert (work / "game_api.py").read_text() == "# mine\n"
    assert (work / "sword_purchases.py").exists()


@pytest.mark.parametrize("folder", [".", "notebooks", "labs/lab01_events"])
def test_the_kits_own_notebooks_never_become_a_learners_copies(folder):
    with pytest.raises(WorkingCopyError, match="contains the kit's own notebooks"):
        working_copy.update(OwnSettings(work_dir=ROOT / folder))


def test_a_copy_with_outputs_is_the_learners_too(work, kit, settings):
    run_once(work / f"{NAME}.ipynb")
    change(kit / "notebooks" / f"{NAME}.ipynb", "a better lesson")

    working_copy.update(settings)

    assert names(work) == [f"{NAME}.ipynb", f"{NAME}.new.ipynb"]


def test_a_new_version_that_the_learner_has_changed_is_kept_and_a_deleted_one_does_not_return(work, kit, settings):
    change(work / f"{NAME}.ipynb", "mine")
    change(kit / "notebooks" / f"{NAME}.ipynb", "second")
    working_copy.update(settings)
    change(work / f"{NAME}.new.ipynb", "mine, too")
    change(kit / "notebooks" / f"{NAME}.ipynb", "third")
    working_copy.update(settings)

    assert "# mine, too" in "".join(sources(work / f"{NAME}.new.ipynb"))
    assert "# third" in "".join(sources(work / f"{NAME}.new-2.ipynb"))

    (work / f"{NAME}.new-2.ipynb").unlink()
    working_copy.update(settings)
    assert names(work) == [f"{NAME}.ipynb", f"{NAME}.new.ipynb"]


@pytest.mark.parametrize("record", ["{damaged", "", "[]"])
def test_without_the_record_nothing_is_overwritten(work, kit, settings, record):
    change(work / f"{NAME}.ipynb", "mine")
    change(kit / "notebooks" / f"{NAME}.ipynb", "a better lesson")
    (work / working_copy.RECORD).write_text(record)

    working_copy.update(settings)

    assert "# mine" in "".join(sources(work / f"{NAME}.ipynb"))


def test_a_damaged_copy_is_kept(work, kit, settings):
    (work / f"{NAME}.ipynb").write_text("{ damaged")
    change(kit / "notebooks" / f"{NAME}.ipynb", "a better lesson")

    working_copy.update(settings)

    assert (work / f"{NAME}.ipynb").read_text() == "{ damaged"


def test_a_copy_that_was_deleted_returns(work, settings):
    (work / f"{NAME}.ipynb").unlink()

    working_copy.update(settings)

    assert (work / f"{NAME}.ipynb").exists()


def test_several_processes_may_create_the_copies_at_the_same_time(kit, settings):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: working_copy.update(settings), range(8)))

    assert names(settings.work_dir) == [f"{NAME}.ipynb"]
    assert len(list(settings.work_dir.glob("0*.ipynb"))) == 9


def test_a_folder_that_cannot_be_written_is_named_with_the_setting(kit, tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(WorkingCopyError, match=r"file/work, cannot be written.*\nNext: export EVENTLAB_WORK_DIR="):
        working_copy.update(OwnSettings(work_dir=tmp_path / "file" / "work"))
