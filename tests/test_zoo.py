import json
import os
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from maia_lab.doors import open_model
from maia_lab.errors import MissingExtra, ModelError, UnitError
from maia_lab.study import open_study
from maia_lab.systems import zoo
from maia_lab.systems.preprocess import Normalised, Processed, preprocess_of

SIZE = 32
VIT = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "image_size": SIZE,
    "patch_size": 8,
}
STAGES = {"depths": [1, 1], "hidden_sizes": [8, 16]}
TOWER = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
KINDS = {
    "ResNet": (
        "ResNetForImageClassification",
        STAGES | {"embedding_size": 8, "layer_type": "basic"},
        ("encoder.stages.1", "channels", 16),
    ),
    "ViT": ("ViTForImageClassification", VIT, ("layers.1", "tokens", 16)),
    "Dinov2": ("Dinov2Model", VIT, ("layer.1", "tokens", 16)),
    "ConvNext": (
        "ConvNextForImageClassification",
        STAGES | {"num_stages": 2},
        ("stages.1", "channels", 16),
    ),
    "CLIP": (
        "CLIPModel",
        {
            "vision_config": TOWER | {"intermediate_size": 32, "image_size": SIZE, "patch_size": 8},
            "text_config": TOWER | {"intermediate_size": 32, "vocab_size": 99},
            "projection_dim": 8,
        },
        ("layers.1", "tokens", 16),
    ),
}
PICTURES = [
    Image.fromarray(np.random.default_rng(i).integers(0, 256, (40, 50, 3), np.uint8))
    for i in range(3)
]


def saved(folder, kind):
    """A checkpoint as transformers leaves it, of a configuration that fits in a test."""
    import transformers

    name, options, _ = KINDS[kind]
    torch.manual_seed(0)
    config = getattr(transformers, f"{kind}Config")(**options, id2label={0: "tench", 1: "robin"})
    getattr(transformers, name)(config).save_pretrained(folder)
    told = {"image_mean": [0.5] * 3, "image_std": [0.25] * 3, "size": {"height": 32, "width": 32}}
    (folder / "preprocessor_config.json").write_text(json.dumps(told))
    return f"hf:{folder}"


@pytest.mark.parametrize("kind", KINDS)
def test_a_checkpoint_of_transformers_opens_by_name(tmp_path, kind):
    name = saved(tmp_path, kind)
    model = open_model(name)
    layers = {layer: (kind, units) for layer, kind, units in model.layers()}
    ending, wanted, units = KINDS[kind][2]
    (layer,) = [at for at in layers if at.endswith(ending) and "text" not in at]
    assert layers[layer] == (wanted, units)
    assert not any("text" in at for at in layers)
    first = model.layer(layer).respond(PICTURES)
    assert first.maps.shape[:2] == (3, units)
    control = open_model(f"{name}@random").layer(layer).respond(PICTURES)
    again = open_model(f"{name}@random").layer(layer).respond(PICTURES)
    np.testing.assert_array_equal(control.values, again.values)
    if "ForImageClassification" in KINDS[kind][0]:
        assert layers["logits"] == ("classes", 2)
        assert model.index("logits", "robin") == 1


def test_weights_that_are_not_at_hand_are_named_with_the_command_that_fetches_them(tmp_path):
    with pytest.raises(ModelError, match="hf download nobody/nothing-at-all"):
        open_model("hf:nobody/nothing-at-all")
    saved(tmp_path, "ResNet")
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"its weights are missing; write it .* save_pretrained"):
        open_model(f"hf:{tmp_path}")
    (tmp_path / "model.safetensors").write_bytes(b"cut off")
    with pytest.raises(ModelError, match=r"its weights cannot be read \(.*header"):
        open_model(f"hf:{tmp_path}")
    with pytest.raises(ModelError, match=r"config.json is missing"):
        open_model(f"hf:{tmp_path.parent}")


def test_how_an_image_becomes_the_input_may_be_said_in_another_file_or_by_the_user(tmp_path):
    name = saved(tmp_path, "CLIP")
    plain = tmp_path / "preprocessor_config.json"
    whole = {"image_processor": json.loads(plain.read_text()), "processor_class": "CLIPProcessor"}
    plain.unlink()
    with pytest.raises(ModelError, match="does not say how an image becomes its input; pass"):
        open_model(name)
    own = open_model(name, ((0.5,) * 3, (0.25,) * 3, SIZE)).layer("encoder.layers.1")
    (tmp_path / "processor_config.json").write_text(json.dumps(whole))
    told = open_model(name).layer("encoder.layers.1")
    assert own.digest == told.digest


def test_what_no_checkpoint_holds_is_never_studied_untrained(tmp_path):
    import transformers

    name = saved(tmp_path, "ViT")
    plain = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(plain | {"architectures": ["ViTModel"]}))
    assert not any("pooler" in layer for layer, _, _ in open_model(name).layers())
    transformers.ViTModel(transformers.ViTConfig(**VIT)).save_pretrained(tmp_path)
    assert any("pooler" in layer for layer, _, _ in open_model(name).layers())
    (tmp_path / "config.json").write_text(json.dumps(plain))
    with pytest.raises(ModelError, match=r"lacks 2 of its weights, classifier\.bias being"):
        open_model(name)


def test_a_processor_of_transformers_is_a_preprocessing(tmp_path):
    from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

    ready = preprocess_of(ViTImageProcessorPil(size={"height": 8, "width": 8}), "net")
    assert isinstance(ready, Processed)
    assert ready(PICTURES[0]).shape == (3, 8, 8)
    net = nn.Sequential(nn.Conv2d(3, 2, 3))
    model = open_model(net, ViTImageProcessorPil(size={"height": 8, "width": 8}))
    values = model.layer("0").respond(PICTURES).values
    assert values.shape == (3, 2)
    assert values.std() > 0


def factory():
    torch.manual_seed(3)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), Normalised((0.5,) * 3, (0.5,) * 3, 16)


HERE = f"{__name__}:factory"


@pytest.mark.parametrize("ending", ["safetensors", "pt"])
def test_a_checkpoint_goes_into_a_network_of_ones_own(tmp_path, ending):
    trained = factory()[0]
    with torch.no_grad():
        trained[0].bias += 7
    path = str(tmp_path / f"weights.{ending}")
    if ending == "pt":
        torch.save({"state_dict": trained.state_dict()}, path)
    else:
        save_file(trained.state_dict(), path)
    before = open_model(HERE).layer("0").respond(PICTURES).values
    after = open_model(f"{HERE}@{path}").layer("0").respond(PICTURES).values
    np.testing.assert_allclose(after, before + 7, atol=1e-4)


def test_the_home_folder_may_be_written_as_in_a_shell(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME" if os.name == "posix" else "USERPROFILE", str(tmp_path))
    name = saved(tmp_path, "ViT")
    assert open_model("hf:~").layer("logits").digest == open_model(name).layer("logits").digest
    save_file(factory()[0].state_dict(), tmp_path / "weights.safetensors")
    assert open_model(f"{HERE}@~/weights.safetensors").layers()
    for number in range(12):
        folder = tmp_path / "photos" / f"{number % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8, 3), number, np.uint8)).save(folder / f"{number}.png")
    study = open_study(HERE, "0", 1, data="~/photos", generator="retrieve:~/photos")
    assert dict(study.options)["data"] == str((tmp_path / "photos").resolve())


def test_an_image_is_not_normalised_where_its_processor_says_so(tmp_path):
    name, file = saved(tmp_path, "ViT"), tmp_path / "preprocessor_config.json"
    told = json.loads(file.read_text()) | {"do_normalize": False}
    file.write_text(json.dumps(told))
    assert float(open_model(name).prepare(PICTURES).min()) >= 0


def normalising():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)), Normalised((0,) * 3, (1,) * 3, 16)


def test_a_checkpoint_need_not_say_how_many_batches_were_seen(tmp_path):
    trained = normalising()[0].state_dict() | {"1.running_mean": torch.full((4,), 3.0)}
    del trained["1.num_batches_tracked"]
    save_file(trained, tmp_path / "old.safetensors")
    opened = open_model(f"{__name__}:normalising@{tmp_path / 'old.safetensors'}")
    assert (opened.module[1].running_mean == 3).all()


class Trap:
    def __reduce__(self):
        return print, ("code of a checkpoint ran",)


def test_a_checkpoint_that_is_none_is_refused_and_its_code_never_runs(tmp_path, capsys):
    torch.save({"weights": Trap()}, tmp_path / "trap.pt")
    save_file({"0.weight": torch.zeros(2, 2)}, tmp_path / "other.safetensors")
    (tmp_path / "torn.safetensors").write_bytes(b"no header")
    for file, reason in (
        ("trap.pt", "is no plain set of weights"),
        ("other.safetensors", "fits another network .* name the architecture it was saved from"),
        ("torn.safetensors", "cannot be read"),
        ("gone.pt", "cannot be read"),
    ):
        with pytest.raises(ModelError, match=reason):
            open_model(f"{HERE}@{tmp_path / file}")
    assert capsys.readouterr().out == ""


def test_precision_and_device_are_what_was_asked_for(monkeypatch):
    monkeypatch.setenv("MAIA_DTYPE", "bfloat16")
    half = open_model(HERE).layer("0").respond(PICTURES).values
    monkeypatch.setenv("MAIA_DTYPE", "float32")
    whole = open_model(HERE).layer("0").respond(PICTURES).values
    np.testing.assert_allclose(half, whole, atol=0.1)
    assert (half != whole).any()
    for wrong in ("float12", "int8"):
        monkeypatch.setenv("MAIA_DTYPE", wrong)
        with pytest.raises(ModelError, match=f"cannot run in '{wrong}'; say float32"):
            open_model(HERE)
    monkeypatch.setenv("MAIA_DTYPE", "float32")
    monkeypatch.setenv("MAIA_DEVICE", "nowhere")
    with pytest.raises(ModelError, match=r"cannot run on 'nowhere' .*say cpu, cuda"):
        open_model(HERE)


@pytest.mark.parametrize("module", [nn.Conv2d(3, 4, 3, padding=1), nn.Flatten()])
def test_latents_of_a_sparse_autoencoder_are_units(module):
    torch.manual_seed(0)
    width = 4 if isinstance(module, nn.Conv2d) else 3 * 16 * 16
    sae = nn.Sequential(nn.Linear(width, 9), nn.ReLU())
    net = zoo.with_sae(nn.Sequential(module), "0", sae)
    model = open_model(net, ((0.5,) * 3, (0.5,) * 3, 16))
    layers = {layer: units for layer, _, units in model.layers()}
    assert layers["sae"] == 9
    found = model.layer("sae").respond(PICTURES)
    under = model.layer("net.0").respond(PICTURES)
    own = under.values if under.maps is None else np.moveaxis(under.maps, 1, -1)
    with torch.no_grad():
        latents = sae(torch.from_numpy(own)).numpy()
    if under.maps is None:
        np.testing.assert_allclose(found.values, latents, atol=1e-5)
    else:
        np.testing.assert_allclose(found.maps, np.moveaxis(latents, -1, 1), atol=1e-5)


def test_a_name_of_nobody_is_refused():
    with pytest.raises(UnitError, match="hf:NAME, timm:NAME or torchvision:NAME"):
        open_model("no:such thing")


@pytest.mark.parametrize("name", ["timm:resnet18", "torchvision:resnet18"])
def test_a_library_that_is_not_installed_is_named(name, monkeypatch):
    monkeypatch.setitem(sys.modules, name.partition(":")[0], None)
    with pytest.raises(MissingExtra, match=r"pip install 'maia-lab\[zoo\]'"):
        open_model(name)


@pytest.mark.zoo
@pytest.mark.parametrize(
    ("name", "layer", "kind", "units"),
    [
        ("torchvision:resnet152", "layer4", "channels", 2048),
        ("timm:vit_small_patch8_224.dino", "blocks.11", "tokens", 384),
        ("timm:resnet50_clip.openai", "stages.3", "channels", 2048),
    ],
)
def test_the_three_networks_of_the_paper_open_by_name(name, layer, kind, units):
    pytest.importorskip(name.partition(":")[0], reason="needs the zoo environment")
    model = open_model(f"{name}@random")
    layers = {at: (what, count) for at, what, count in model.layers()}
    assert layers[layer] == (kind, units)
    with pytest.raises(ModelError, match=r"is not at hand: .*; fetch it with: "):
        open_model(name)


@pytest.mark.zoo
@pytest.mark.parametrize("source", ["timm", "torchvision"])
def test_a_network_that_no_library_has_is_refused(source):
    pytest.importorskip(source, reason="needs the zoo environment")
    with pytest.raises(ModelError, match=f"is not a network of {source}; try .*resnet"):
        open_model(f"{source}:resnet51x")


def _ways(weight):
    """Encoders of the same weights, as they come: a module, its method, functions, an object's."""

    class Sae(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(4, 6, bias=False)
            self.inner.weight = weight

        def forward(self, given):
            return torch.relu(self.inner(given))

    class Plain:
        def __init__(self):
            self.weight = weight

        def encode(self, given):
            return given @ self.weight.T

    sae = Sae()
    yield from (sae, sae.forward, lambda x: sae(x), lambda x: x @ weight.T, Plain().encode)


@pytest.mark.parametrize("way", range(5))
def test_another_autoencoder_is_another_layer_however_it_is_handed_over(way):
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(1, 2))
    weight = nn.Parameter(torch.randn(6, 4, generator=torch.Generator().manual_seed(0)))
    encode = list(_ways(weight))[way]
    layer = open_model(zoo.with_sae(net, "0", encode), ((0.5,) * 3, (0.5,) * 3, 16)).layer("sae")
    before = layer.digest
    assert before == layer.digest
    with torch.no_grad():
        weight.add_(1)
    assert layer.digest != before
