"""Networks by name: ``hf:``, ``timm:`` and ``torchvision:``, with weights that are at hand.

Nothing is fetched unasked: where weights are missing, the error says what fetches them. After an
``@`` a name says which weights: ``@random`` for none, the control for any finding, or a file.
"""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Callable, Collection, Iterable
from importlib import import_module
from pathlib import Path
from types import FunctionType
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from maia_lab.errors import MissingExtra, ModelError
from maia_lab.systems.fingerprint import source
from maia_lab.systems.preprocess import Normalised, Preprocess

Made = tuple[nn.Module, Preprocess | None, tuple[str, ...] | None]
"""A network; where they are known, what makes an image ready for it, and names of its logits."""
RANDOM = "random"
"""Written after the ``@``: the architecture with untrained weights, always the same."""
TOWERS = {"clip": "CLIPVisionModel", "siglip": "SiglipVisionModel"}
"""Of models of images and texts, the part that sees."""
DEVICE, DTYPE = "MAIA_DEVICE", "MAIA_DTYPE"
"""Environment variables: where networks opened by name run, and in which precision."""


def load(name: str) -> Made:
    """Load ``hf:…``, ``timm:…`` or ``torchvision:…``.

    Raises:
        ModelError: there is no such network, or its weights are not at hand.
        MissingExtra: its library is not installed.
    """
    source, _, rest = name.partition(":")
    what, _, weights = rest.partition("@")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module, preprocess, classes = SOURCES[source](what, not weights)
    if weights not in ("", RANDOM):
        read_weights(module, weights)
    return module.eval(), preprocess, classes


def read_weights(module: nn.Module, path: str) -> None:
    """Read a checkpoint into a module: safetensors, or what ``torch.save`` wrote, data only.

    Raises:
        ModelError: the file cannot be read, holds more than tensors, or fits another network.
    """
    file = Path(path).expanduser()
    try:
        if file.suffix == ".safetensors":
            state: Any = load_file(file)
        else:
            state = torch.load(file, "cpu", weights_only=True)
    except (OSError, SafetensorError) as error:
        raise ModelError(path, f"cannot be read ({error})", "name a checkpoint") from error
    except Exception as error:  # What a pickle may hold besides, torch says in several ways.
        reason = str(error).partition("\n")[0]
        raise ModelError(
            path,
            f"is no plain set of weights ({reason})",
            "save module.state_dict(), best as safetensors",
        ) from error
    for key in ("state_dict", "model"):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict):
        raise ModelError(path, "holds no weights by name", "save module.state_dict()")
    own = module.state_dict()
    # What was trained on several devices was saved from within a module called so.
    state = {k if k in own else str(k).removeprefix("module."): v for k, v in state.items()}
    # How many batches were seen in training says nothing, and older checkpoints do not say it.
    missing = [k for k in own if k not in state and not k.endswith("num_batches_tracked")]
    wrong = [k for k, v in state.items() if k not in own or own[k].shape != v.shape]
    if missing or wrong:
        raise ModelError(
            path,
            f"fits another network ({len(missing)} weights are missing, {len(wrong)} do not fit;"
            f" {(missing + wrong)[0]} is the first)",
            "name the architecture it was saved from",
        )
    module.load_state_dict(state)


def settle(module: nn.Module, name: str) -> nn.Module:
    """Move a network to the device and precision that are asked for, if any are.

    Raises:
        ModelError: there is no such device or precision here.
    """
    device, precision = os.environ.get(DEVICE), os.environ.get(DTYPE)
    dtype = getattr(torch, precision or "float32", None)
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise ModelError(name, f"cannot run in {precision!r}", "say float32, float16 or bfloat16")
    try:
        if precision:
            module = module.to(dtype)
        return module.to(device) if device else module
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        raise ModelError(
            name, f"cannot run on {device!r} ({reason})", "say cpu, cuda, cuda:1 or mps"
        ) from error


def with_sae(
    module: nn.Module, layer: str, encode: nn.Module | Callable[[Tensor], Tensor], name: str = "sae"
) -> nn.Module:
    """The network with one more layer, whose units are the latents of a sparse autoencoder.

    Args:
        module: the network.
        layer: where the autoencoder was trained.
        encode: from the layer's units, on the last axis, to latents, on the last axis.
        name: what the new layer is called.

    Example:
        >>> net = with_sae(net, "layer4", sae.encode)
        >>> maia_lab.describe(net, "sae", 1207, data="photos/", preprocess=preprocess)
    """
    return _WithSae(module, layer, encode, name)


class _WithSae(nn.Module):
    def __init__(
        self, net: nn.Module, layer: str, encode: nn.Module | Callable[[Tensor], Tensor], name: str
    ) -> None:
        super().__init__()
        # Found before the network is part of this one, in which its name is longer.
        self._at, self._name = net.get_submodule(layer), name
        self.net = net
        self.add_module(name, _Latents(encode))

    def forward(self, batch: Tensor) -> object:
        found: list[object] = []
        hook = self._at.register_forward_hook(lambda _part, _given, out: found.append(out))
        try:
            output = self.net(batch)
        finally:
            hook.remove()
        self.get_submodule(self._name)(found[0])
        return output


class _Latents(nn.Module):
    """Encodes a layer's units, wherever its output has them: (n, C, h, w), or on the last axis."""

    def __init__(self, encode: nn.Module | Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.encode = encode
        # A part of the network, so that an autoencoder of other weights is another layer.
        for number, part in enumerate(_referred(encode)):
            if isinstance(part, nn.Module):
                self.add_module(f"part{number}", part)
            elif isinstance(part, Tensor):
                self.register_buffer(f"part{number}", part)

    def extra_repr(self) -> str:
        """Its code: see :func:`maia_lab.systems.fingerprint.fingerprint`."""
        return source(self.encode)

    def forward(self, given: Tensor) -> Tensor:
        if given.dim() != 4:
            return self.encode(given)
        return self.encode(given.movedim(1, -1)).movedim(-1, 1)


def _referred(encode: Callable[[Tensor], Tensor]) -> Iterable[object]:
    """What a method belongs to, or a function refers to."""
    if (owner := getattr(encode, "__self__", None)) is not None:
        return [owner, *getattr(owner, "__dict__", {}).values()]
    if not isinstance(encode, FunctionType):
        return []
    known = inspect.getclosurevars(encode)
    return [*known.nonlocals.values(), *known.globals.values()]


def _hugging_face(name: str, weights: bool) -> Made:
    if name.startswith("~"):
        name = str(Path(name).expanduser())
    transformers: Any = import_module("transformers")
    utils: Any = import_module("transformers.utils")

    def at_hand(file: str) -> dict[str, Any]:
        try:
            path = utils.cached_file(name, file, local_files_only=True)
            return dict(json.loads(Path(str(path)).read_text()))
        except (OSError, ValueError):
            return {}

    def absent(what: str) -> ModelError:
        if Path(name).is_dir():
            again = "write it there again with save_pretrained"
            return ModelError(f"hf:{name}", f"is not whole: {what}", again)
        return _absent(f"hf:{name}", what, f"hf download {name}")

    plain = at_hand("config.json")
    if not plain:
        raise absent("config.json is missing")
    kind = (plain.get("architectures") or ["AutoModel"])[0]
    made: Any = getattr(transformers, TOWERS.get(plain.get("model_type", ""), kind), None)
    if made is None:
        raise ModelError(
            f"hf:{name}", f"is a {kind}, which transformers does not have", "update transformers"
        )
    if made is transformers.AutoModel or not weights:
        config: Any = transformers.AutoConfig.from_pretrained(name, local_files_only=True)
        if made is not transformers.AutoModel and made.config_class is not type(config):
            config = config.vision_config
    logging = utils.logging
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    logging.set_verbosity_error()  # It warns of the text tower, which is left out on purpose.
    try:
        if weights:
            module: nn.Module
            module, found = made.from_pretrained(
                name, local_files_only=True, output_loading_info=True
            )
            _trained(module, found["missing_keys"], f"hf:{name}")
        elif made is transformers.AutoModel:
            module = made.from_config(config)
        else:
            module = made(config)
    except (OSError, ValueError) as error:
        raise absent("its weights are missing") from error
    except (SafetensorError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise absent(f"its weights cannot be read ({reason})") from error
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
    labels = plain.get("id2label") or {}
    classes = tuple(labels[key] for key in sorted(labels, key=int))
    named = classes if "ForImageClassification" in kind and classes else None
    # A processor of images and texts is written as one, with that of images in it.
    whole = at_hand("processor_config.json").get("image_processor") or {}
    return module, _as_trained(at_hand("preprocessor_config.json") or whole), named


def _trained(module: nn.Module, missing: Collection[str], name: str) -> None:
    """See that nothing of a network was left untrained; what no checkpoint has is taken out."""
    if missing and all(key.startswith("pooler.") for key in missing):
        module.register_module("pooler", None)  # As of DINO, which is trained without one.
    elif missing:
        raise ModelError(
            name,
            f"lacks {len(missing)} of its weights, {min(missing)} being the first",
            "load it yourself, and give the module",
        )


def _as_trained(told: dict[str, Any]) -> Normalised | None:
    """What a processor's configuration says, without its crop: the map must cover the image."""
    if told.get("do_normalize") is False:
        told = told | {"image_mean": (0.0,) * 3, "image_std": (1.0,) * 3}
    size = told.get("crop_size") or told.get("size")
    if isinstance(size, dict):
        size = size.get("height") or size.get("shortest_edge")
    if not isinstance(size, int) or not told.get("image_mean") or not told.get("image_std"):
        return None
    return Normalised(tuple(told["image_mean"]), tuple(told["image_std"]), size)


def _timm(name: str, weights: bool) -> Made:
    timm: Any = _library("timm")
    try:
        settings: Any = timm.get_pretrained_cfg(name, allow_unregistered=False)
        if not timm.is_model(name):
            raise RuntimeError
    except RuntimeError as error:
        near = ", ".join(timm.list_models(f"*{name.partition('.')[0][:6]}*")[:5])
        raise ModelError(
            f"timm:{name}", "is not a network of timm", f"try {near or 'timm.list_models()'}"
        ) from error
    overlay = {}
    if weights:
        hub = import_module("huggingface_hub")
        try:
            path = hub.hf_hub_download(
                settings.hf_hub_id, "model.safetensors", local_files_only=True
            )
        except Exception as error:  # Of several kinds, none of which is an OSError throughout.
            command = f"hf download {settings.hf_hub_id}"
            raise _absent(f"timm:{name}", "its weights are missing", command) from error
        overlay = {"pretrained_cfg_overlay": {"file": path}}
    module: nn.Module = timm.create_model(name, pretrained=weights, **overlay)
    settings = timm.data.resolve_model_data_config(module)
    size = int(settings["input_size"][-1])
    classes = None
    if getattr(module, "num_classes", 0) == 1000:
        info = timm.data.ImageNetInfo()
        classes = tuple(info.index_to_description(i) for i in range(1000))
    return module, Normalised(tuple(settings["mean"]), tuple(settings["std"]), size), classes


def _torchvision(name: str, weights: bool) -> Made:
    models: Any = _library("torchvision").models
    try:
        default = models.get_model_weights(name).DEFAULT
    except ValueError as error:
        near = ", ".join(models.list_models(include=f"*{name[:6]}*")[:5])
        raise ModelError(
            f"torchvision:{name}",
            "is not a network of torchvision",
            f"try {near or 'torchvision.models.list_models()'}",
        ) from error
    kept = Path(torch.hub.get_dir()) / "checkpoints" / Path(default.url).name
    if weights and not kept.is_file():
        raise _absent(
            f"torchvision:{name}",
            f"{kept} is missing",
            f"curl --create-dirs -o {kept} {default.url}",
        )
    module: nn.Module = models.get_model(name)
    if weights:
        read_weights(module, str(kept))
    sizes = default.transforms()
    ready = Normalised(tuple(sizes.mean), tuple(sizes.std), int(sizes.crop_size[0]))
    return module, ready, tuple(default.meta["categories"])


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise MissingExtra(f"{name}:", f"needs {name}", "pip install 'maia-lab[zoo]'") from error


def _absent(name: str, why: str, command: str) -> ModelError:
    return ModelError(name, f"is not at hand: {why}", f"fetch it with: {command}")


SOURCES: dict[str, Callable[[str, bool], Made]] = {
    "hf": _hugging_face,
    "timm": _timm,
    "torchvision": _torchvision,
}
