import numpy as np
import pytest
import torch
from torch import nn
from transformers import ViTConfig, ViTForImageClassification

from maia_lab.bench import peers, speed, speed_call, speed_index
from maia_lab.bench.subject import Subject
from maia_lab.bench.table import Row
from maia_lab.system import upsample
from maia_lab.systems.preprocess import Normalised


def tiny():
    torch.manual_seed(0)
    blocks = [nn.Sequential(nn.Conv2d(i, 8, 3, padding=1), nn.ReLU()) for i in (3, 8, 8)]
    return nn.Sequential(*blocks), Normalised((0.5,) * 3, (0.5,) * 3, 16)


def vit():
    torch.manual_seed(0)
    config = ViTConfig(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16,
        image_size=32, patch_size=8,
    )  # fmt: skip
    return ViTForImageClassification(config), Normalised((0.5,) * 3, (0.5,) * 3, 32)


ROWS = {
    "index/blocks", "index/all", "index/first-128", "null", "call/overhead-ms", "call/vs-maia",
    "call/vs-maia-lossless", "call/whole", "call/mask-iou", "peer/maia", "cached-ms", "overlap",
    "thresholds/tail-sd", "thresholds/state", "peer/netdissect", "peer/clip-dissect-collection",
    "memory/growth",
}  # fmt: skip


@pytest.mark.parametrize("cells", [(7, 7), (4, 9), (56, 56)])
@pytest.mark.parametrize("size", [(224, 224), (500, 375), (16, 33)])
def test_masks_are_those_of_maias_grid_to_the_pixel(cells, size):
    maps = np.random.default_rng(0).normal(size=cells).astype(np.float32)
    theirs = peers.maia_upsample(torch.from_numpy(maps)[None, None], size)[0, 0].numpy()
    threshold = np.quantile(maps, 0.95)
    np.testing.assert_array_equal(upsample(maps, size) > threshold, theirs > threshold)


def test_the_blocks_of_a_resnet_are_its_bottlenecks():
    subject = Subject.open("maia_lab.bench.subject:resnet50", None)
    assert len(subject.blocks) == 3 + 4 + 6 + 3
    assert subject.units(subject.blocks) == 3 * 256 + 4 * 512 + 6 * 1024 + 3 * 2048
    assert len(subject.every) == 1 + 16 * 3 + 4


@pytest.mark.parametrize(("network", "units"), [("tiny", "3 layers, 24"), ("vit", "2 layers, 32")])
def test_every_row_is_measured_on_any_network_and_without_data(network, units, monkeypatch):
    monkeypatch.setattr(speed_index, "BEFORE", 128)
    monkeypatch.setattr(speed_index, "COUNTED", 96)
    monkeypatch.setattr(speed_index, "PAIRS", 3)
    monkeypatch.setattr(speed_call, "PAIRS", 3)
    monkeypatch.setattr(speed, "memory", lambda *_: Row.of("memory/growth", [1], "x", ""))
    monkeypatch.setattr(speed_call, "READ", 64)
    table = speed.speed([1, 2], 20, f"{__name__}:{network}")
    rows = {row.name: row for row in table.rows}
    assert table.seeds == (1,)
    # Peers know of no tokens, and thresholds over so few positions are no estimates.
    others = {"peer/netdissect", "peer/clip-dissect-collection", "thresholds/tail-sd"}
    assert set(rows) == (ROWS if network == "tiny" else ROWS - others)
    assert f"{units} units" in rows["index/blocks"].note
    assert rows["call/mask-iou"].holds
    assert network == "vit" or rows["thresholds/tail-sd"].holds
    assert rows["peer/maia"].value > rows["call/overhead-ms"].value > 0
