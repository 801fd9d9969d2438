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
STEPS, FOLDS, STILL = 500, 5, 1e-3
"""Steps at most; parts of a cross-validation; what may be left of the gradient when a fit is done,
as a share of the penalty's strength."""
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
    w, b, heads = np.zeros((len(kept), truth.shape[1])), np.log(truth.mean(0) + 1e-9), []
    read, before = np.ones(len(kept), bool), strengths[0]
    for strength in strengths:
        if penalty == "l1":
            # Most units stay out: the sequential strong rule (Tibshirani et al. 2012) says which.
            read = w.any(1) | (_pull(x, truth, w, b) > 2 * strength - before)
        while True:
            w[read], b = _descend(x[:, read], truth, w[read], b, strength, penalty)
            wrongly = ~read & (_pull(x, truth, w, b) > strength)
            if not wrongly.any():
                break
            read |= wrongly
        before = strength
        weights = np.zeros((data.x.shape[1], truth.shape[1]))
        weights[kept] = w / np.where(sd > 0, sd, 1)[:, None]
        heads.append(Head(weights, b - mean @ weights[kept], strength))
    return heads


def _pull(x: Floats, truth: Floats, w: Floats, b: Floats) -> Floats:
    """How strongly the loss pulls at each unit's weights: the largest over classes."""
    found: Floats = np.abs(x.T @ (_softmax(x @ w + b) - truth)).max(1) / len(x)
    return found


def _descend(
    x: Floats, truth: Floats, w: Floats, b: Floats, strength: float, penalty: Penalty
) -> tuple[Floats, Floats]:
    """The minimum of mean log loss and penalty, looked for from ``w`` and ``b`` on."""
    from scipy.optimize import minimize

    shape, ell1 = w.shape, penalty == "l1"

    def parts(at: Floats) -> tuple[Floats, Floats]:
        halves = at[: -len(b)].reshape(1 + ell1, *shape)
        # Under ℓ1 a weight is the difference of two numbers, none of which is below 0.
        return (halves[0] - halves[1] if ell1 else halves[0]), at[-len(b) :]

    def loss(at: Floats) -> tuple[float, Floats]:
        weights, bias = parts(at)
        p = _softmax(x @ weights + bias)
        wrong = (p - truth) / len(x)
        pull = x.T @ wrong
        value = -float(np.log((p * truth).sum(1) + 1e-300).mean())
        if ell1:
            slope = np.concatenate([(pull + strength).ravel(), (strength - pull).ravel()])
            value += strength * float(at[: -len(b)].sum())
        else:
            slope = (pull + strength * weights).ravel()
            value += strength / 2 * float((weights**2).sum())
        return value, np.concatenate([slope, wrong.sum(0)])

    start = [np.maximum(w, 0), np.maximum(-w, 0)] if ell1 else [w]
    begin = np.concatenate([*(part.ravel() for part in start), b])
    low = np.full(len(begin), 0.0 if ell1 else -np.inf)
    low[-len(b) :] = -np.inf
    options = {"maxiter": STEPS, "maxfun": 2 * STEPS, "gtol": STILL * strength, "ftol": 0.0}
    bounds = [(edge, None) for edge in low]
    found = minimize(loss, begin, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    weights, bias = parts(np.asarray(found.x, np.float64))
    return weights, bias


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


def ranked(data: Sample, most: int) -> list[int]:
    """Units in the order in which ℓ1 regression lets them in, as the penalty weakens.

    Where the classes are told apart by a few units already, the others stay out: they are then
    ranked without those, as often as it takes.
    """
    first: dict[int, None] = {}
    left = np.flatnonzero(data.x.std(0) > 0)
    while len(first) < most and len(left):
        let_in: dict[int, None] = {}
        for head in fit(data, left.tolist(), "l1"):
            size = np.abs(head.weights * data.x.std(0)[:, None]).max(1)
            let_in |= dict.fromkeys(sorted(head.units, key=lambda unit: -size[unit]))
        if not let_in:
            break
        first |= let_in
        left = np.setdiff1d(left, list(let_in))
    return list(first)[:most]


def _softmax(z: Floats) -> Floats:
    e = np.exp(z - z.max(1, keepdims=True))
    p: Floats = e / e.sum(1, keepdims=True)
    return p
