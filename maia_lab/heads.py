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

    def predict(self, features: Floats) -> NDArray[np.int64]:
        """The class of each row of features, shape (n, units of the layer)."""
        found: NDArray[np.int64] = np.argmax(features @ self.weights + self.bias, 1)
        return found

    def accuracy(self, features: Floats, labels: NDArray[np.int64]) -> float:
        """Share of the rows whose class it names."""
        return float((self.predict(features) == labels).mean())


def fit(
    features: Floats,
    labels: NDArray[np.int64],
    units: Sequence[int] | None = None,
    penalty: Literal["l1", "l2"] = "l2",
    strengths: Sequence[float] = STRENGTHS,
) -> list[Head]:
    """One head a strength, fitted from the strongest to the weakest.

    Args:
        features: shape (n, units of the layer).
        labels: class of each row, 0 to classes - 1.
        units: the only ones that may be read; None for all.
        penalty: on the weights of standardised units.
        strengths: strongest first.
    """
    kept = np.arange(features.shape[1]) if units is None else np.asarray(units)
    mean, sd = features[:, kept].mean(0), features[:, kept].std(0)
    x = (features[:, kept] - mean) / np.where(sd > 0, sd, 1)
    truth = np.eye(int(labels.max()) + 1)[labels]
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
        weights = np.zeros((features.shape[1], truth.shape[1]))
        weights[kept] = w / np.where(sd > 0, sd, 1)[:, None]
        heads.append(Head(weights, b - mean @ weights[kept], strength))
    return heads


def validated(
    features: Floats,
    labels: NDArray[np.int64],
    penalty: Literal["l1", "l2"] = "l2",
    strengths: Sequence[float] = STRENGTHS,
    units: Sequence[int] | None = None,
    seed: int = 0,
) -> Floats:
    """Cross-validated accuracy a strength, shape (strengths,): on the same data, five folds."""
    order = np.random.default_rng(seed).permutation(len(labels))
    fold = np.empty(len(labels), int)
    # Dealt out class by class, so that every fold holds all of them.
    fold[order[np.argsort(labels[order], kind="stable")]] = np.arange(len(labels)) % FOLDS
    right = np.zeros((len(strengths), len(labels)), bool)
    for held in range(FOLDS):
        out = fold == held
        heads = fit(features[~out], labels[~out], units, penalty, strengths)
        right[:, out] = [head.predict(features[out]) == labels[out] for head in heads]
    accuracy: Floats = right.mean(1)
    return accuracy


def tuned(
    features: Floats,
    labels: NDArray[np.int64],
    units: Sequence[int] | None = None,
    penalty: Literal["l1", "l2"] = "l2",
    strengths: Sequence[float] = STRENGTHS,
    seed: int = 0,
) -> Head:
    """The head of the strength that cross-validation likes best; of equals, the strongest."""
    found = validated(features, labels, penalty, strengths, units, seed)
    return fit(features, labels, units, penalty, strengths)[int(np.argmax(found))]


def ranked(features: Floats, labels: NDArray[np.int64]) -> list[int]:
    """Units in the order in which ℓ1 regression lets them in, as the penalty weakens."""
    first: dict[int, None] = {}
    for head in fit(features, labels, penalty="l1"):
        size = np.abs(head.weights * features.std(0)[:, None]).max(1)
        first |= dict.fromkeys(sorted(head.units, key=lambda unit: -size[unit]))
    return list(first)


def _softmax(z: Floats) -> Floats:
    e = np.exp(z - z.max(1, keepdims=True))
    p: Floats = e / e.sum(1, keepdims=True)
    return p
