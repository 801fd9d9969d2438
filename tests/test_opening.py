"""Models by name, by import path, and as the objects they are; and what is refused, with how."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from maia_lab.errors import ModelError, UnitError
from maia_lab.systems.function import Function
from maia_lab.systems.opening import open_network
from maia_lab.systems.preprocess import Normalised

HALF = Normalised((0.5, 0.5, 0.5), (0.5, 0.5, 0.5), 32)
CLASSES = ("tench", "goldfish", "shark", "hen", "crane")


class Tiny(nn.Sequential):
    """A convolution and a classifier."""

    def __init__(self) -> None:
        super().__init__(nn.Conv2d(3, 4, 32), nn.Flatten(), nn.Linear(4, 5))


def pictures(count: int) -> list[Image.Image]:
    chance = np.random.default_rng(7)
    return [Image.fromarray(chance.integers(0, 256, (40, 50, 3), np.uint8)) for _ in range(count)]


def brightness(images):
    return [float(np.asarray(image).mean()) for image in images]


def test_any_function_of_images_is_a_model():
    model = open_network(brightness)
    assert (model.name, model.layers()) == ("brightness", [("output", "features", 1)])
    response = model.layer("output").respond(pictures(70))
    np.testing.assert_allclose(response.values[:, 0], brightness(pictures(70)), rtol=1e-6)
    assert response.maps is None
    assert model.index("output", 0) == 0
    with pytest.raises(UnitError, match="choose 0 to 0"):
        model.index("output", 1)
    with pytest.raises(UnitError, match="a function has output"):
        model.layer("layer4")


def test_a_function_may_return_maps_and_several_units_as_tensors():
    def seen(images):
        pixels = torch.stack([HALF(image) for image in images]).requires_grad_()
        return pixels.amax((2, 3)), pixels

    layer = Function(seen, "seen").layer("output")
    response = layer.respond(pictures(3), [2, 0])
    assert response.maps.shape == (3, 2, 32, 32)
    np.testing.assert_allclose(response.values, response.maps.max((2, 3)))
    assert layer.digest == Function(seen, "seen").layer("output").digest
    assert layer.digest != Function(brightness, "seen").layer("output").digest


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda images: [1.0], "scores of shape"),
        (lambda images: ["red"] * len(images), "no numbers as scores"),
        (lambda images: (np.zeros(len(images)), np.zeros((len(images), 2, 5, 5))), "maps of shape"),
        (lambda images: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_a_function_that_returns_something_else_is_refused(function, said):
    with pytest.raises(ModelError, match=said):
        open_network(function).layers()


def test_a_module_without_preprocessing_is_refused_with_how_to_give_one():
    with pytest.raises(ModelError, match=r"'Tiny' does not say how.*\(mean, sd, size\)"):
        open_network(Tiny())
    assert open_network(Tiny(), (0.5, 0.5, 32), CLASSES, name="mine").index("logits", "hen") == 3
    assert open_network((Tiny(), HALF)).name == "Tiny"
    assert open_network((Tiny(), HALF, CLASSES)).index("logits", "hen") == 3


def test_a_model_can_be_named_by_import_path(tmp_path, monkeypatch):
    code = """
import torch
from maia_lab.systems.preprocess import Normalised
def pair(): return torch.nn.Flatten(), Normalised((0.5,) * 3, (0.5,) * 3, 4)
def module(): return torch.nn.Flatten()
module_object = torch.nn.Flatten()
def scorer(): return lambda images: [1.0] * len(images)
def broken(): raise ValueError("no weights here")
def number(): return 5
"""
    (tmp_path / "my_models.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert open_network("my_models:pair").layers() == [("logits", "features", 48)]
    assert open_network("my_models:pair").name == "my_models:pair"
    assert open_network("my_models:module", HALF).layers() == [("logits", "features", 3072)]
    assert open_network("my_models:module_object", HALF).world is None
    assert open_network("my_models:scorer").layers() == [("output", "features", 1)]
    for path, kind, said in (
        ("my_models:broken", ModelError, "no weights here"),
        ("my_models:number", ModelError, "5 is not a model"),
        ("my_models:nothing", UnitError, "no attribute 'nothing'"),
        ("no_such_package:net", UnitError, "No module named"),
        ("resnet", UnitError, "is no model's name"),
        ("scene", UnitError, "the nearest are scenes"),
    ):
        with pytest.raises(kind, match=said):
            open_network(path)
