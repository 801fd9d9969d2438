"""What answers depend on: weights, the code they run through, and what it does to fixed images."""

from __future__ import annotations

import hashlib
import inspect
import os
import re
from concurrent.futures import ThreadPoolExecutor
from functools import cache, lru_cache
from itertools import chain

import numpy as np
import torch
from PIL import Image
from torch import nn


def describe(thing: object) -> str:
    """Name a callable: a function by its qualified name, an object by its ``repr``."""
    if (name := getattr(thing, "__qualname__", None)) is not None:
        return f"{getattr(thing, '__module__', '')}.{name}"
    # An address in memory would make every process see another object.
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(thing))


def source(thing: object) -> str:
    """Name and source text of a function, a class or a callable object's class."""
    coded = thing if hasattr(thing, "__qualname__") else type(thing)
    try:
        text = inspect.getsource(coded)  # type: ignore[arg-type]
    except (OSError, TypeError):  # Built in, or typed into a plain interpreter.
        text = ""
    return f"{describe(coded)}\n{text}\n"


@lru_cache(1000)
def _of_class(kind: type) -> str:
    """Its source text, which takes milliseconds to find and is the same as long as it lives."""
    return source(kind)


def fingerprint(module: nn.Module) -> bytes:
    """Hash of a module's weights, buffers, structure and code, wherever its weights lie."""
    sha = hashlib.sha256()
    # Hashing lets other threads run, and weights are hashed at every question.
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1), "hashing") as pool:
        state = chain(module.named_parameters(), module.named_buffers())
        for part in pool.map(_of_tensor, state):
            sha.update(part)
    # The same weights under another activation function are another network. What the code of
    # torch itself does is told by its version.
    kinds: set[type] = {type(part) for part in module.modules()}
    code = sorted(_of_class(kind) for kind in kinds if not kind.__module__.startswith("torch."))
    sha.update("\n".join([torch.__version__, repr(module), *code]).encode())
    return sha.digest()


def _of_tensor(named: tuple[str, torch.Tensor]) -> bytes:
    name, tensor = named
    sha = hashlib.sha256(f"{name} {tuple(tensor.shape)} {tensor.dtype};".encode())
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    sha.update(flat.view(torch.uint8).numpy().data)
    return sha.digest()


@cache
def probes() -> tuple[Image.Image, ...]:
    """Images that never change, of proportions that show what resizing and cropping do."""
    generator = np.random.default_rng(0)
    coarse = generator.integers(0, 256, (4, 6, 9, 3), np.uint8)
    fine = generator.integers(0, 32, (4, 60, 90, 3), np.uint8)
    pixels = coarse.repeat(10, 1).repeat(10, 2) // 8 * 7 + fine
    return tuple(Image.fromarray(p) for p in pixels)
