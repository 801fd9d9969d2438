"""What a classifier's last layer reads: a head over some of the units, and how it is fitted.

Multinomial logistic regression on standardised units, with a penalty on the size of its weights:
their absolute values (ℓ1), which leaves units out, or their squares (ℓ2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
STRENGTHS = tuple(float(s) for s in np.geomspace(0.3, 0.0003, 9))
"""Regularisation, strongest first: the penalty's factor beside the mean log loss."""
STEPS, FOLDS, STILL = 200, 5, 2e-4
"""Steps at most; parts of a cross-validation; change of a weight at which a fit is done."""
Penalty = Literal["l1", "l2"]
Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Sample:
    """What all units answer to some images, and the images' classes."""

    name: str
    x: Floats
    """Shape (n, units of the layer)."""
    y: Labels

    def part(self, rows: NDArray[np.bool_]) -> Sample:
        """Some of the images."""
        return Sample(self.name, self.x[rows], self.y[rows])

    @property
    def halves(self) -> tuple[tuple[Sample, Sample], ...]:
        """Its two halves, class by class, in either order: one to learn from, one to test."""
        first = np.empty(len(self.y), bool)
        first[np.argsort(self.y, kind="stable")] = np.arange(len(self.y)) % 2 == 0
        one, other = self.part(first), self.part(~first)
        return (one, other), (other, one)


@dataclass(frozen=True, slots=True)
class Head:
    """A linear classifier over a layer's units."""

    weights: Floats
    """Shape (units of the layer, classes); a row of zeros is a unit that is not read."""
    bias: Floats
    """Shape (classes,)."""
    strength: float
    """Of the penalty it was fitted with."""

    @property
    def units(self) -> tuple[int, ...]:
        """Those it reads."""
        return tuple(np.flatnonzero(self.weights.any(1)).tolist())

    def predict(self, features: Floats) -> Labels:
        """The class of each row of features, shape (n, units of the layer)."""
        found: Labels = np.argmax(features @ self.weights + self.bias, 1)
        return found

    def accuracy(self, test: Sample) -> float:
        """Share of the images whose class it names."""
        return float((self.predict(test.x) == test.y).mean())

    def pack(self, **about: str) -> bytes:
        """A safetensors file: ``weight`` and ``bias`` as ``torch.nn.Linear`` holds them.

        Args:
            about: what else whoever loads it has to know.
        """
        from safetensors.numpy import save

        weight = np.ascontiguousarray(self.weights.T, np.float32)
        return save({"weight": weight, "bias": self.bias.astype(np.float32)}, about)


@dataclass(frozen=True, slots=True)
class Path:
    """Heads over the strength of their penalty, strongest first."""

    heads: tuple[Head, ...]
    validated: Floats
    """Cross-validated accuracy of each: on the same data, five folds."""

    @property
    def best(self) -> Head:
        """The one that cross-validation likes best; of equals, the strongest."""
        return self.heads[int(np.argmax(self.validated))]


def fit(
    data: Sample,
    units: Sequence[int] | None = None,
    penalty: Penalty = "l2",
    strengths: Sequence[float] = STRENGTHS,
) -> list[Head]:
    """One head a strength, fitted from the strongest to the weakest.

    Args:
        data: the images to learn from.
        units: the only ones that may be read; None for all.
        penalty: on the weights of standardised units.
        strengths: strongest first.
    """
    kept = np.arange(data.x.shape[1]) if units is None else np.asarray(units)
    mean, sd = data.x[:, kept].mean(0), data.x[:, kept].std(0)
    x = (data.x[:, kept] - mean) / np.where(sd > 0, sd, 1)
    truth = np.eye(int(data.y.max()) + 1)[data.y]
    gram = x @ x.T if len(x) < x.shape[1] else x.T @ x
    rate = 1 / (0.5 * np.linalg.eigvalsh(gram)[-1] / len(x) + 0.5)
    w, b, heads = np.zeros((len(kept), truth.shape[1])), np.zeros(truth.shape[1]), []
    for strength in strengths:
        # Nesterov's accelerated proximal gradient (Beck & Teboulle 2009), begun where it ended.
        ahead, ahead_b, momentum = w, b, 1.0
        for _ in range(STEPS):
            wrong = (_softmax(x @ ahead + ahead_b) - truth) / len(x)
            new = ahead - rate * (x.T @ wrong)
            if penalty == "l1":
                new = np.sign(new) * np.maximum(np.abs(new) - rate * strength, 0)
            else:
                new = new / (1 + rate * strength)
            new_b = ahead_b - rate * wrong.sum(0)
            after = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
            push = (momentum - 1) / after
            ahead, ahead_b = new + push * (new - w), new_b + push * (new_b - b)
            moved = np.abs(new - w).max()
            w, b, momentum = new, new_b, after
            if moved < STILL:
                break
        weights = np.zeros((data.x.shape[1], truth.shape[1]))
        weights[kept] = w / np.where(sd > 0, sd, 1)[:, None]
        heads.append(Head(weights, b - mean @ weights[kept], strength))
    return heads


def path(
    data: Sample, units: Sequence[int] | None = None, penalty: Penalty = "l2", seed: int = 0
) -> Path:
    """Fit and cross-validate a head for each strength; ``seed`` deals out the folds."""
    order = np.random.default_rng(seed).permutation(len(data.y))
    fold = np.empty(len(data.y), int)
    # Dealt out class by class, so that every fold holds all of them.
    fold[order[np.argsort(data.y[order], kind="stable")]] = np.arange(len(data.y)) % FOLDS
    right = np.zeros((len(STRENGTHS), len(data.y)), bool)
    for held in range(FOLDS):
        out = fold == held
        heads = fit(data.part(~out), units, penalty)
        right[:, out] = [head.predict(data.x[out]) == data.y[out] for head in heads]
    return Path(tuple(fit(data, units, penalty)), right.mean(1))


def tuned(data: Sample, units: Sequence[int] | None = None) -> Head:
    """The ℓ2 head of the strength that cross-validation likes best."""
    return path(data, units).best


def ranked(data: Sample) -> list[int]:
    """Units in the order in which ℓ1 regression lets them in, as the penalty weakens."""
    first: dict[int, None] = {}
    for head in fit(data, penalty="l1"):
        size = np.abs(head.weights * data.x.std(0)[:, None]).max(1)
        first |= dict.fromkeys(sorted(head.units, key=lambda unit: -size[unit]))
    return list(first)


def _softmax(z: Floats) -> Floats:
    e = np.exp(z - z.max(1, keepdims=True))
    p: Floats = e / e.sum(1, keepdims=True)
    return p
