"""Small real networks of every shape, and what becomes of them when they are studied."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from maia_lab.errors import ModelError, UnitError
from maia_lab.system import Reference, System
from maia_lab.systems.preprocess import Normalised, preprocess_of
from maia_lab.systems.vision import Network
from maia_lab.unit import Unit

HALF = Normalised((0.5, 0.5, 0.5), (0.5, 0.5, 0.5), 32)
CLASSES = ("tench", "goldfish", "shark", "hen", "crane")


class Tiny(nn.Module):
    """Two convolutions, of which the first is changed in place by what comes after it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.5)
        self.conv2 = nn.Conv2d(4, 6, 3, stride=2)
        self.unused = nn.Linear(2, 2)
        self.fc = nn.Linear(6, 5)

    def forward(self, x):
        x = self.drop(self.norm(self.relu(self.conv1(x))))
        return self.fc(self.conv2(x).mean((2, 3)))


class Transformer(nn.Module):
    """A class token, registers, and 2 × 4 × 4 patches through two attention blocks."""

    def __init__(self, registers: int = 4, convolution: bool = True) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, 16, 8, 8) if convolution else nn.Linear(192, 16)
        self.convolution = convolution
        self.first = nn.Parameter(torch.zeros(1, 1 + registers, 16))
        layers = [nn.TransformerEncoderLayer(16, 2, 32, batch_first=True) for _ in range(2)]
        self.blocks = nn.ModuleList(layers)
        self.head = nn.Linear(16, 5)

    def forward(self, x):
        if self.convolution:
            x = self.embed(x).flatten(2).transpose(1, 2)
        else:
            cut = nn.functional.unfold(x, 8, stride=8).transpose(1, 2)
            x = self.embed(cut)
        x = torch.cat([self.first.expand(len(x), -1, -1), x], 1)
        for block in self.blocks:
            x = block(x)
        return self.head(x[:, 0])


class Odd(nn.Module):
    """Everything that cannot be studied."""

    def __init__(self) -> None:
        super().__init__()
        self.pair = Pair()
        self.named = Named()
        self.twice = nn.ReLU()
        self.windows = nn.Flatten(0, 1)
        self.fc = nn.Linear(3, 4)

    def forward(self, x):
        x, _ = self.pair(x)
        x = self.named(x)["out"]
        self.windows(x)
        return self.twice(self.fc(self.twice(x).mean((2, 3)))).tanh()


class Pair(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Conv2d(3, 3, 1)

    def forward(self, x):
        return self.inner(x), 7


class Named(nn.Module):
    def forward(self, x):
        return {"out": x, "rest": None}


def network(module=None, **options) -> Network:
    torch.manual_seed(0)
    return Network(Tiny() if module is None else module, "net", HALF, **options)


def pictures(count: int = 5) -> list[Image.Image]:
    chance = np.random.default_rng(7)
    return [Image.fromarray(chance.integers(0, 256, (40, 50, 3), np.uint8)) for _ in range(count)]


def stacked(count: int = 5) -> torch.Tensor:
    return torch.stack([HALF(image) for image in pictures(count)])


def state(module: nn.Module) -> list[object]:
    parts = list(module.modules())
    return [
        [(id(p), p.training, len(p._forward_hooks), len(p._forward_pre_hooks)) for p in parts],
        [(p.requires_grad, p.device, p.dtype, p.grad) for p in module.parameters()],
        [tensor.clone() for tensor in module.state_dict().values()],
    ]


def same(before: list[object], after: list[object]) -> bool:
    kept = all(torch.equal(a, b) for a, b in zip(before[2], after[2], strict=True))
    return before[:2] == after[:2] and kept


def test_the_layers_of_a_convolutional_network():
    assert network(classes=CLASSES).layers() == [
        ("conv1", "channels", 4),
        ("relu", "channels", 4),
        ("norm", "channels", 4),
        ("drop", "channels", 4),
        ("conv2", "channels", 6),
        ("fc", "features", 5),
        ("logits", "classes", 5),
    ]


def test_channels_answer_with_maps_and_their_maxima():
    net = network()
    response = net.layer("conv1").respond(pictures())
    with torch.no_grad():
        expected = net._module.conv1(stacked()).numpy()
    assert response.maps.shape == (5, 4, 32, 32)
    np.testing.assert_allclose(response.maps, expected, atol=1e-6)
    np.testing.assert_allclose(response.values, expected.max((2, 3)), atol=1e-6)
    assert response.maps.min() < 0, "the in-place ReLU behind it must not reach the answer"


def test_some_units_answer_as_they_do_among_all():
    layer = network().layer("conv2")
    some, everything = layer.respond(pictures(), [4, 1]), layer.respond(pictures())
    np.testing.assert_array_equal(some.maps, everything.maps[:, [4, 1]])
    np.testing.assert_array_equal(some.values, everything.values[:, [4, 1]])


def test_linear_units_and_logits_have_no_place():
    net = network(classes=CLASSES)
    with torch.no_grad():
        expected = net._module.eval()(stacked()).numpy()
    for name in ("fc", "logits"):
        response = net.layer(name).respond(pictures())
        assert response.maps is None
        np.testing.assert_allclose(response.values, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("registers", "convolution"), [(0, True), (4, True), (7, True), (4, False)]
)
def test_class_and_register_tokens_are_left_out_of_the_map(registers, convolution):
    net = network(Transformer(registers, convolution))
    response = net.layer("blocks.0").respond(pictures())
    seen = []
    handle = net._module.blocks[0].register_forward_hook(lambda _m, _i, out: seen.append(out))
    with torch.inference_mode():
        net._module.eval()(stacked())
    handle.remove()
    patches = seen[0][:, 1 + registers :].numpy()
    assert ("blocks.0", "tokens", 16) in net.layers()
    assert response.maps.shape == (5, 16, 4, 4)
    np.testing.assert_allclose(response.maps[2, 3].ravel(), patches[2, :, 3], atol=1e-5)
    np.testing.assert_allclose(response.values, patches.max(1), atol=1e-5)


def test_patches_need_not_form_a_square():
    net = Network(Transformer(), "net", lambda image: HALF(image).repeat(1, 1, 2))
    assert net.layer("blocks.1").respond(pictures(2)).maps.shape == (2, 16, 4, 8)


def test_maps_with_channels_last_are_told_by_their_proportions():
    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 6, 4, 4)
            self.norm = nn.LayerNorm(6)

        def forward(self, x):
            return self.norm(self.conv(x).permute(0, 2, 3, 1)).mean((1, 2))

    net = network(Last())
    assert net.layers() == [
        ("conv", "channels", 6),
        ("norm", "channels", 6),
        ("logits", "features", 6),
    ]
    assert net.layer("norm").respond(pictures(3)).maps.shape == (3, 6, 8, 8)


def test_a_direction_is_the_projection_of_a_layers_units():
    net = network(Transformer())
    vector = np.arange(16) - 4.0
    for layer in ("embed", "blocks.1", "head"):
        units = vector[: net.layer(layer).units]
        plain, along = net.layer(layer), net.direction(layer, units, "rising")
        answers, projected = plain.respond(pictures()), along.respond(pictures())
        source = answers.values if answers.maps is None else answers.maps
        expected = np.einsum("nc...,c->n...", source, units)[:, None]
        got = projected.values if answers.maps is None else projected.maps
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)
        assert along.units == 1
        assert along.digest != plain.digest != net.direction(layer, -units, "falling").digest
        np.testing.assert_array_equal(along.respond(pictures(), [0]).values, projected.values)


@pytest.mark.parametrize(
    ("vector", "said"),
    [([1, 2], r"shape \(2,\), and conv1 has 4"), ([0] * 4, "zero"), ([1, 2, 3, np.nan], "NaN")],
)
def test_a_direction_must_point_somewhere_in_the_layer(vector, said):
    with pytest.raises(ModelError, match=said):
        network().direction("conv1", vector, "mine")


def test_batches_of_any_size_give_the_same_answers():
    layer = network().layer("conv2")
    many = layer.respond(pictures(130))
    assert many.values.shape == (130, 6)
    np.testing.assert_allclose(
        layer.respond(pictures(130)[100:101]).values[0], many.values[100], atol=1e-5
    )
    assert layer.respond([]).values.shape == (0, 6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_a_model_runs_in_its_own_precision_and_answers_in_float32(dtype):
    net = network(Tiny().to(dtype))
    response = net.layer("conv2").respond(pictures())
    assert response.values.dtype == response.maps.dtype == np.float32
    assert next(net._module.parameters()).dtype == dtype


def test_the_model_is_left_as_it_was_found():
    module = Tiny().train()
    module.norm.eval()
    module.conv2.weight.requires_grad = False
    module(stacked()).sum().backward()
    module.fc.register_forward_hook(lambda *_: None)
    before = state(module)
    net = network(module)
    net.layers()
    net.layer("conv1").respond(pictures())
    net.layer("logits").respond(pictures())
    assert same(before, state(module))
    assert torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled()
    module(stacked()).sum().backward()


def test_the_model_is_left_as_it_was_found_when_it_fails():
    class Moody(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 2, 1)
            self.relu = nn.ReLU()
            self.mood = True

        def forward(self, x):
            x = self.conv(x)
            if not self.mood:
                raise ValueError("not today")
            return self.relu(x).mean((2, 3))

    module = Moody().train()
    layer = network(module).layer("relu")
    before = state(module)
    module.mood = False
    with pytest.raises(ModelError, match=r"fails on images of shape \(5, 3, 32, 32\).*not today"):
        layer.respond(pictures())
    assert same(before, state(module))


def test_other_hooks_are_kept_and_seen():
    net = network()
    net._module.conv1.register_forward_hook(lambda _m, _i, out: out * 0 + 3)
    assert (net.layer("conv1").respond(pictures()).values == 3).all()
    assert len(net._module.conv1._forward_hooks) == 1


def on_a_gpu():
    raise torch.OutOfMemoryError("CUDA out of memory")


def on_a_mac():
    raise RuntimeError("MPS backend out of memory (MPS allocated: 7.00 GB, max allowed: 9.07 GB).")


@pytest.mark.parametrize("fail", [on_a_gpu, on_a_mac, lambda: torch.empty(1 << 50)])
def test_out_of_memory_is_tried_once_more_with_half_the_batch(fail):
    class Small(nn.Module):
        def __init__(self, most: int) -> None:
            super().__init__()
            self.most, self.fc, self.met = most, nn.Linear(3, 2), []

        def forward(self, x):
            self.met.append(len(x))
            if len(x) > self.most:
                fail()
            return self.fc(x.mean((2, 3)))

    net = network(Small(32))
    assert net.layer("fc").respond(pictures(70)).values.shape == (70, 2)
    assert net._module.met == [2, 64, 32, 32, 6]
    with pytest.raises(ModelError, match="out of memory even for 32 images"):
        network(Small(8)).layer("fc").respond(pictures(70))


def test_the_final_output_is_called_logits_whatever_else_is():
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.logits = nn.Linear(3, 4)
            self.again = self.logits

        def forward(self, x):
            return self.logits(x.mean((2, 3))).softmax(1)

    net = network(Named())
    np.testing.assert_allclose(net.layer("logits").respond(pictures()).values.sum(1), 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        ("pair", "returns a tuple of 2.*for example pair.inner"),
        ("named", "returns a dict with out, rest"),
        ("twice", "runs 2 times in one pass"),
        ("windows", "first axis is not that of the images"),
    ],
)
def test_what_cannot_be_studied_is_refused_with_something_that_can(layer, said):
    with pytest.raises(ModelError, match=said):
        network(Odd()).layer(layer)
    assert network(Odd()).layers() == [
        ("pair.inner", "channels", 3),
        ("fc", "features", 4),
        ("logits", "features", 4),
    ]


def test_a_layer_that_never_runs_is_refused():
    with pytest.raises(ModelError, match="never runs"):
        network().layer("unused")


def test_a_model_that_returns_a_tuple_can_still_be_studied_inside():
    net = network(Pair())
    assert net.layer("inner").respond(pictures(2)).values.shape == (2, 3)
    with pytest.raises(ModelError, match=r"returns a tuple of 2.*for example inner"):
        net.layer("logits")


def test_a_classifier_that_wraps_its_logits_is_unwrapped():
    class Wrapped(nn.Module):
        def forward(self, x):
            return {"loss": None, "logits": x.mean((2, 3))}

    assert network(Wrapped()).layer("logits").respond(pictures(2)).values.shape == (2, 3)


def test_names_that_are_not_there_are_answered_with_the_nearest():
    net = network(classes=CLASSES)
    with pytest.raises(UnitError, match="the nearest are conv2, conv1"):
        net.layer("conv")
    with pytest.raises(UnitError, match=r"net/logits/tenc.*the nearest are tench"):
        net.index("logits", "tenc")
    with pytest.raises(UnitError, match="conv1 has 4; choose 0 to 3"):
        net.index("conv1", 4)
    with pytest.raises(UnitError, match="have no names; choose 0 to 3"):
        net.index("conv1", "tench")
    assert [net.index("logits", unit) for unit in ("hen", "Tench", 4)] == [3, 0, 4]


def test_of_a_name_that_lists_several_any_will_do():
    listed = ("tench, Tinca tinca", "crane, bird", "crane", "hen", "crane, machine")
    net = network(classes=listed)
    names = ("tench", "tinca Tinca", listed[0], "crane", "Bird", "machine")
    assert [net.index("logits", name) for name in names] == [0, 0, 0, 2, 1, 4]
    with pytest.raises(UnitError, match="the nearest are tench"):
        net.index("logits", "tenchh")
    with pytest.raises(UnitError, match="is the name of units 0 and 1"):
        network(classes=("crane, bird", "crane, it", *"abc")).index("logits", "crane")


def test_class_names_must_be_as_many_as_logits_and_unlike():
    with pytest.raises(ModelError, match="5 logits and was given 2 class names"):
        network(classes=("a", "b")).layers()
    double = network(classes=("crane", "hen", "crane", "cat", "dog"))
    with pytest.raises(UnitError, match="is the name of units 0 and 2"):
        double.index("logits", "crane")


def test_not_a_number_comes_through_to_where_it_is_named():
    module = Tiny()
    with torch.no_grad():
        module.conv1.weight[2] = float("nan")
    values = network(module).layer("conv1").respond(pictures()).values
    assert np.isnan(values[:, 2]).all()
    assert np.isfinite(values[:, [0, 1, 3]]).all()


@pytest.mark.parametrize(
    ("preprocess", "said"),
    [
        (lambda image: HALF(image)[None], r"gives torch.float32 of shape \(1, 3, 32, 32\)"),
        (lambda image: np.zeros(3), "gives ndarray"),
        (lambda image: (HALF(image) * 9).long(), "gives torch.int64"),
        (lambda image: image.nonsense, "fails on an image .AttributeError"),
        (lambda image: HALF(image)[:2], "check that preprocess gives what the model takes"),
    ],
)
def test_a_preprocessing_that_does_not_fit_is_refused(preprocess, said):
    with pytest.raises(ModelError, match=said):
        Network(Tiny(), "net", preprocess).layers()


def test_a_network_that_takes_a_dict_is_refused_with_how_to_wrap_it():
    class Asking(Tiny):
        def forward(self, inputs):
            return super().forward(inputs["pixel_values"])

    with pytest.raises(ModelError, match="one that takes a dict, or several tensors, goes into"):
        Network(Asking(), "net", HALF).layers()


def test_half_precision_that_overflows_is_told_with_what_to_do():
    net = Tiny().half()
    with torch.no_grad():
        net.conv1.weight.fill_(6e4)
    opened = Network(net, "net", lambda image: HALF(image) + 9)
    unit = Unit("net", "conv1", 0)
    system = System(unit, opened.layer("conv1"), 0, Reference(np.zeros(1, np.float32), 0.0))
    with pytest.raises(ModelError, match=r"NaN or infinity; .* run the model in float32"):
        system.call_neuron([Image.new("RGB", (32, 32), "white")])


def test_images_must_come_out_of_preprocessing_alike():
    net = Network(Tiny(), "net", lambda image: torch.ones(3, image.height, image.width))
    sizes = [Image.new("RGB", (20, 20)), Image.new("RGB", (20, 30))]
    with pytest.raises(ModelError, match="tensors of 2 shapes"):
        net.layer("conv1").respond(sizes)


def test_mean_sd_and_size_are_a_preprocessing():
    made = preprocess_of(([0.5, 0.5, 0.5], 0.5, 32), "net")
    assert torch.equal(made(pictures()[0]), HALF(pictures()[0]))
    for wrong in (None, (1, 2), (0.5, 0, 32), (0.5, 0.5, -1), "imagenet", 5):
        with pytest.raises(ModelError, match="pass preprocess"):
            preprocess_of(wrong, "net")


def test_the_digest_follows_all_that_answers_depend_on():
    net = network()
    first = net.layer("conv1").digest
    assert network().layer("conv1").digest == first
    assert net.layer("conv2").digest != first
    other = Network(net._module, "net", Normalised((0.5,) * 3, (0.5,) * 3, 31))
    assert other.layer("conv1").digest != first
    with torch.no_grad():
        net._module.fc.bias[0] += 1
    changed = net.layer("conv1").digest
    assert changed != first
    net._module.norm.running_mean += 1
    assert net.layer("conv1").digest != changed


def test_the_same_weights_in_other_code_have_another_digest():
    def make(base):
        class Tiny(base):
            def forward(self, x):
                return -super().forward(x)

        return Tiny()

    net, other = network(), network(make(Tiny))
    other._module.load_state_dict(net._module.state_dict())
    assert repr(net._module) == repr(other._module)
    assert net.layer("fc").digest != other.layer("fc").digest


def test_a_digest_is_the_same_in_another_process(tmp_path):
    import subprocess

    code = (
        "from maia_lab.systems import scenes_nets, vision\n"
        "net = scenes_nets.untrained('scenes', 3)\n"
        "print(vision.Network(net, 'n', scenes_nets.preprocess).layer('layer4').digest)"
    )
    done = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert done[0].stdout == done[1].stdout != ""


@pytest.mark.gpu
def test_a_model_on_a_gpu_stays_there_and_answers_the_same(device):
    if device == "cpu":
        pytest.skip("needs a GPU: pytest --device cuda")
    expected = network().layer("conv2").respond(pictures())
    net = network(Tiny())
    net._module.to(device)
    response = net.layer("conv2").respond(pictures())
    np.testing.assert_allclose(response.maps, expected.maps, atol=1e-3)
    assert {p.device.type for p in net._module.parameters()} == {torch.device(device).type}
    assert network().direction("conv2", [1] * 6, "sum").respond(pictures()).values.shape == (5, 1)
    assert net.direction("conv2", [1] * 6, "sum").respond(pictures()).values.shape == (5, 1)


def test_a_network_that_takes_its_maps_to_lie_row_by_row_is_answered_all_the_same():
    class Views(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.fc = nn.Conv2d(3, 4, 3), nn.Linear(4 * 14 * 14, 2)

        def forward(self, x):
            return self.fc(self.conv(x).view(len(x), -1))

    net = Views()
    model = Network(net, "net", Normalised((0.5,) * 3, (0.5,) * 3, 16))
    found = model.layer("fc").respond(pictures(3)).values
    batch = torch.stack([Normalised((0.5,) * 3, (0.5,) * 3, 16)(p) for p in pictures(3)])
    with torch.no_grad():
        np.testing.assert_allclose(found, net(batch).numpy(), atol=1e-5)
