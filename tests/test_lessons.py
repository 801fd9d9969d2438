"""The notebooks that teach are executed as they are."""

from pathlib import Path

import nbclient
import nbformat
import pytest

LESSONS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_runs_from_top_to_bottom(path, tmp_path, monkeypatch):
    monkeypatch.setenv("MAIA_HOME", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(path.parents[1]))
    lesson = nbformat.read(path, 4)
    assert not any(cell.get("outputs") for cell in lesson.cells), "lessons are kept without outputs"
    nbclient.NotebookClient(lesson, timeout=300, kernel_name="python3").execute()
    outputs = str([cell.get("outputs") for cell in lesson.cells])
    assert "image/" in outputs and " studies " in outputs and "Not answered" not in outputs
