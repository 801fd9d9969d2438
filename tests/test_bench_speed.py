import numpy as np
import pytest
import torch
from torch import nn

from maia_lab.bench import peers, speed, speed_call, speed_index
from maia_lab.bench.table import Row
from maia_lab.system import upsample
from maia_lab.systems.preprocess import Normalised


def tiny():
    torch.manual_seed(0)
    blocks = [nn.Sequential(nn.Conv2d(i, 8, 3, padding=1), nn.ReLU()) for i in (3, 8, 8)]
    return nn.Sequential(*blocks), Normalised((0.5,) * 3, (0.5,) * 3, 16)


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


def test_every_row_is_measured_on_any_network_and_without_data(monkeypatch):
    monkeypatch.setattr(speed_index, "BEFORE", 128)
    monkeypatch.setattr(speed_index, "COUNTED", 96)
    monkeypatch.setattr(speed_index, "PAIRS", 3)
    monkeypatch.setattr(speed_call, "PAIRS", 3)
    monkeypatch.setattr(speed, "memory", lambda *_: Row.of("memory/growth", [1], "x", ""))
    table = speed.speed([1], 20, f"{__name__}:tiny")
    rows = {row.name: row for row in table.rows}
    assert set(rows) == ROWS
    assert "3 layers, 24 units" in rows["index/blocks"].note
    assert rows["thresholds/tail-sd"].holds
    assert rows["peer/maia"].value > rows["call/overhead-ms"].value > 0
