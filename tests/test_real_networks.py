"""Trained networks and photographs, from the command line: what a researcher brings."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maia_lab.cli import main

FACTORIES = """
import sys
sys.path.insert(0, {models!r})
import realnets

def imagenet():
    return realnets.load("mobilenetv1_0.25_128")

def cifar():
    return realnets.load("resnet20")
"""


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    data = os.environ.get("MAIA_TEST_DATA")
    if not data:
        pytest.skip("needs trained networks and photographs: set MAIA_TEST_DATA")
    folder = tmp_path_factory.mktemp("brought")
    (folder / "brought_networks.py").write_text(
        FACTORIES.format(models=str(Path(data, "models").resolve()))
    )
    (folder / "photos").mkdir()
    for file in sorted(Path(data, "images").glob("*.jpg"))[:130]:
        shutil.copy(file, folder / "photos")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield folder / "photos"


@pytest.mark.parametrize(
    ("name", "layer", "kind", "units"),
    [("imagenet", "blocks.11", "channels", 256), ("cifar", "layer3", "channels", 64)],
)
def test_layers_are_listed_and_the_strongest_photographs_drawn(
    photos, name, layer, kind, units, tmp_path, capsys
):
    assert main(["units", f"brought_networks:{name}"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [layer, kind, str(units), f"brought_networks:{name}/{layer}/{units - 1}"] in rows
    out, unit = tmp_path / "strongest.png", f"brought_networks:{name}/{layer}/3"
    assert main(["exemplars", unit, "--data", str(photos), "--out", str(out)]) == 0
    assert "15 images, activations" in capsys.readouterr().err
    with Image.open(out) as drawn:
        assert np.asarray(drawn.convert("RGB")).std() > 30


def test_a_unit_is_described_with_photographs_that_lie_in_one_folder(photos, tmp_path, capsys):
    words = ["describe", "brought_networks:imagenet/classifier/208", "--data", str(photos)]
    words += ["--agent", "offline", "--review", "auto", "--out", str(tmp_path), "--steps", "6"]
    assert main(words) == 0
    told = capsys.readouterr()
    assert "labels are the last words of file names" in told.out + told.err
    assert "retriever" in (tmp_path / "report.md").read_text("utf-8")
    assert (tmp_path / "report.html").is_file()
