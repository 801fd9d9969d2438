"""How others do it, restated from their published code, to be measured in the same process."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from maia_lab.systems.preprocess import Preprocess


def maia_call(
    net: nn.Module,
    layer: str,
    unit: int,
    threshold: float,
    preprocess: Preprocess,
    read: Callable[[Tensor], Tensor],
    images: Sequence[Image.Image],
) -> tuple[list[float], list[str]]:
    """MAIA's ``call_neuron``: images one by one, which its tools hand on as base64 of PNG.

    Each is one forward pass with gradients, its map grown by a sampling grid that is made anew, and
    the image darkened outside what lies above the threshold. ``read`` makes maps of a layer's
    output.
    """
    values, masked = [], []
    for text in [_encoded(image) for image in images]:
        image = Image.open(io.BytesIO(base64.b64decode(text))).convert("RGB")
        maps = read(answer(net, layer, preprocess(image)[None]))
        values.append(maps.flatten(2).max(2).values[0, unit].item())
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).float()
        grown = maia_upsample(maps[:, unit].detach()[None], image.size)[0, 0]
        dimmed = torch.where(grown > threshold, pixels, pixels * 0.25).byte()
        masked.append(_encoded(Image.fromarray(dimmed.permute(1, 2, 0).numpy())))
    return values, masked


def _encoded(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def maia_upsample(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """The grid by which MAIA's masks grow to an image (width, height), as torch runs it today."""
    axes = []
    for length, cells in ((size[1], maps.shape[2]), (size[0], maps.shape[3])):
        scale = length / cells
        at = torch.arange(length, dtype=torch.float) - (0.5 * scale - 0.5)
        axes.append(at * (2 / (scale * max(cells - 1, 1))) - 1)
    y, x = torch.meshgrid(axes[0], axes[1], indexing="ij")
    grid = torch.stack([x, y], 2)[None].expand(len(maps), -1, -1, -1)
    return functional.grid_sample(maps, grid, align_corners=False)


def netdissect_pass(net: nn.Module, layer: str, batches: Sequence[Tensor]) -> Tensor:
    """NetDissect's and MILAN's exemplars: one layer a run, in two passes.

    The first finds each unit's 15 images and the 0.99 quantile of its grown maps; the second runs
    those images again and masks each by the grown map of each unit it belongs to.

    Returns:
        Positions of the images, shape (units, 15).
    """
    values, sample, chance = [], [], torch.Generator().manual_seed(0)
    with torch.no_grad():
        for batch in batches:
            maps = answer(net, layer, batch)
            values.append(maps.flatten(2).amax(2))
            rows = _grown(maps, 56).flatten(2).transpose(1, 2).flatten(0, 1)
            sample.append(rows[torch.randint(len(rows), (1024,), generator=chance)])
        level = torch.cat(sample).quantile(0.99, 0)
        ids = torch.cat(values).topk(15, 0).indices.T
        images = torch.cat(list(batches))
        for number in sorted(set(ids.flatten().tolist())):
            image = images[number : number + 1]
            maps = answer(net, layer, image)[0]
            for unit in torch.where((ids == number).any(1))[0].tolist():
                mask = _grown(maps[unit][None, None], image.shape[-1])[0] > level[unit]
                _ = (torch.where(mask, image[0], image[0] * 0.25) * 127 + 128).byte()
    return ids


def _grown(maps: Tensor, side: int) -> Tensor:
    return functional.interpolate(maps, (side, side), mode="bilinear")


def clip_dissect_collection(
    net: nn.Module, layers: Sequence[str], batches: Sequence[Tensor]
) -> dict[str, Tensor]:
    """CLIP-Dissect's collection: the mean of every unit for every image, all of it kept."""
    kept: dict[str, list[Tensor]] = {layer: [] for layer in layers}
    hooks = [
        net.get_submodule(layer).register_forward_hook(
            lambda _m, _i, out, layer=layer: kept[layer].append(
                out.mean(dim=[2, 3]) if out.dim() == 4 else out
            )
        )
        for layer in layers
    ]
    with torch.no_grad():
        for batch in batches:
            net(batch)
    for hook in hooks:
        hook.remove()
    return {layer: torch.cat(found) for layer, found in kept.items()}


def answer(net: nn.Module, layer: str, batch: Tensor) -> Tensor:
    """What one layer returns for a batch; the whole network runs, as its caller set gradients."""
    found: list[Tensor] = []
    hook = net.get_submodule(layer).register_forward_hook(lambda _m, _i, out: found.append(out))
    net(batch)
    hook.remove()
    return found[0]
