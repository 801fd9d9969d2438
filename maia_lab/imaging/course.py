"""A training that can be stopped at any time, and goes on from its last minute."""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from maia_lab.errors import ModelError

RATE, WARM, COOL = 8e-4, 100, 0.3
"""Learning rate, the steps in which it rises, and the last share of a budget, in which it falls."""
AVERAGED = 0.999
"""What is kept at last is a running average of the weights: so much of it stays at each step."""
SAVED, TOLD = 60, 10
"""Seconds after which the state is saved, and the loss is told."""
STATE, FACTS = ("module", "averaged", "optimiser"), ("step", "seconds", "over")
"""What is saved."""

Say = Callable[[str], None]
Loss = Callable[[torch.Generator], Tensor]
"""What is to fall, with this chance."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How long a training takes: some steps, or else some seconds."""

    seconds: float
    steps: int | None = None

    def spent(self, seconds: float, steps: int) -> float:
        """The share that is spent."""
        return seconds / self.seconds if self.steps is None else steps / self.steps


class Course:
    """The training of one module.

    All chance follows from the seed and the number of the step, and nothing but what is on disk is
    known of what went before: on a CPU, a course of so many steps ends in the same bits however
    often it was killed.

    Attributes:
        averaged: the module with the running average of its weights.
    """

    def __init__(
        self, path: Path, module: nn.Module, device: torch.device, seed: int, half: bool
    ) -> None:
        """Take up the training of a module on a device; its state, if there is any, is a file.

        ``half`` computes in bfloat16.
        """
        self.path, self.module, self.device, self.seed = path, module, device, seed
        self.half = half
        self.averaged = deepcopy(module).requires_grad_(False)
        self.optimiser = torch.optim.AdamW(
            module.parameters(), RATE, weight_decay=0.01, fused=device.type in ("cpu", "cuda")
        )
        self.step, self.seconds, self.over = 0, 0.0, False
        if path.exists():
            known = torch.load(path, device, weights_only=True)
            self.step, self.seconds, self.over = (known[name] for name in FACTS)
            for name in STATE:
                getattr(self, name).load_state_dict(known[name])

    def run(self, loss: Loss, budget: Budget, say: Say, saved: Callable[[], None]) -> None:
        """Train until the budget is spent.

        Args:
            loss: what is to fall.
            budget: of the whole course, what went before included.
            say: told how it goes.
            saved: called whenever the state was saved.

        Raises:
            ModelError: the loss is no number any more.
        """
        chance = torch.Generator(self.device)
        losses: list[Tensor] = []
        began = told = kept = time.monotonic()
        before, first = self.seconds, self.step
        while (spent := budget.spent(self.seconds, self.step)) < 1:
            chance.manual_seed(self.seed + 1_000_003 * (self.step + 1))
            losses.append(self._step(loss, chance, min(1, (1 - spent) / COOL)))
            now = time.monotonic()
            self.seconds = before + now - began
            if now - told > TOLD:
                self._tell(losses, (self.step - first) / (now - began), say)
                told = now
            if now - kept > SAVED:
                self._save()
                saved()
                kept = now
        if losses:
            self._tell(losses, (self.step - first) / (time.monotonic() - began), say)
        self.over = True
        self._save()
        saved()

    def _step(self, loss: Loss, chance: torch.Generator, share: float) -> Tensor:
        """Take a step at a share of the full rate; returns the loss."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            found = loss(chance)
        self.optimiser.zero_grad()
        found.backward()  # type: ignore[no-untyped-call]
        weights: list[Tensor] = [*self.module.parameters()]
        averaged: list[Tensor] = [*self.averaged.parameters()]
        nn.utils.clip_grad_norm_(weights, 1.0)
        for group in self.optimiser.param_groups:
            group["lr"] = RATE * min(share, (self.step + 1) / WARM)
        self.optimiser.step()
        self.step += 1
        stays = min(AVERAGED, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(averaged, weights, 1 - stays)
        return found.detach()

    def _tell(self, losses: list[Tensor], speed: float, say: Say) -> None:
        mean = float(torch.stack(losses).mean())
        losses.clear()
        name = self.path.stem
        if not np.isfinite(mean):
            raise ModelError(
                f"{name} at step {self.step}",
                "has a loss that is no number",
                f"delete {self.path}, and begin it again with another seed",
            )
        say(f"{name}: step {self.step}, loss {mean:.4f}, {speed:.1f} steps/s")

    def _save(self) -> None:
        """Write the state; what was there stays until all of it is written."""
        parts = {name: getattr(self, name).state_dict() for name in STATE}
        new = self.path.with_suffix(".new")
        torch.save(parts | {name: getattr(self, name) for name in FACTS}, new)
        new.replace(self.path)
