"""One forward pass of a model, which is afterwards as it was found, whatever happened."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import chain

import torch
from torch import Tensor, nn

from maia_lab.errors import ModelError

Watcher = Callable[[nn.Module, object], None]
"""Told the module that ran, and what it returned."""


class _Reached(BaseException):
    """Ends the pass; no model's ``except Exception`` holds it up."""


def show(
    model: nn.Module,
    parts: list[nn.Module],
    batches: Iterable[Tensor],
    watcher: Watcher,
    name: str,
    layout: torch.memory_format = torch.contiguous_format,
) -> None:
    """Run a model on batches as far as the last of some parts, each of which answers once a batch.

    What comes after does not run, which also keeps later in-place operations off the last output.

    Raises:
        ModelError: the model fails, or a part was not reached; the error speaks of ``name``.
    """
    left: set[nn.Module] = set()

    def ran(part: nn.Module, output: object) -> None:
        watcher(part, output)
        left.discard(part)
        if not left:
            raise _Reached

    with _watched(model, parts, ran):
        for batch in batches:
            left.update(parts)
            with suppress(_Reached):
                _run(model, batch, name, layout)
            if left:
                raise ModelError(name, "did not run for these images", "hook another module")


def watch(
    model: nn.Module,
    parts: list[nn.Module],
    batch: Tensor,
    watcher: Watcher,
    name: str,
    layout: torch.memory_format = torch.contiguous_format,
) -> None:
    """Run a model on a batch where its weights lie and in their precision, watching some parts.

    Modes, hooks and gradients are afterwards as they were, also after an error.

    Args:
        model: run in evaluation mode and without gradients.
        parts: whose outputs are watched.
        batch: shape (n, channels, height, width).
        watcher: called as often as one of them runs.
        name: what errors speak of.
        layout: of the batch in memory.

    Raises:
        ModelError: the model fails.
        torch.OutOfMemoryError: memory does not suffice, on whatever device.
    """
    with _watched(model, parts, watcher):
        _run(model, batch, name, layout)


@contextmanager
def _watched(model: nn.Module, parts: list[nn.Module], watcher: Watcher) -> Iterator[None]:
    modes = [(part, part.training) for part in model.modules()]
    handles = []
    try:
        for part in parts:
            handles.append(part.register_forward_hook(lambda part, _, out: watcher(part, out)))
        for part, _ in modes:
            # Not eval(): models override it, with effects that could not be taken back.
            part.training = False
        with torch.inference_mode():
            yield
    finally:
        for handle in handles:
            handle.remove()
        for part, mode in modes:
            part.training = mode


def _run(model: nn.Module, batch: Tensor, name: str, layout: torch.memory_format) -> None:
    weights = chain(model.parameters(), model.buffers())
    like = next((tensor for tensor in weights if tensor.is_floating_point()), batch)
    try:
        model(batch.to(like.device, like.dtype, memory_format=layout))
    except (torch.OutOfMemoryError, ModelError):
        raise
    except Exception as error:
        # Without CUDA torch says so only in words: on a CPU the first, with MPS the second.
        words = ("can't allocate memory", "out of memory")
        if isinstance(error, MemoryError) or any(said in str(error) for said in words):
            raise torch.OutOfMemoryError(str(error)) from error
        reason = str(error).partition("\n")[0]
        raise ModelError(
            name,
            f"fails on images of shape {tuple(batch.shape)} ({type(error).__name__}: {reason})",
            "check that preprocess gives what the model takes; one that takes a dict, or several"
            " tensors, goes into a module that makes them of one",
        ) from error


def final(output: object) -> object:
    """A model's output; of a transformers classifier, which returns several things, its logits."""
    return output["logits"] if isinstance(output, Mapping) and "logits" in output else output
