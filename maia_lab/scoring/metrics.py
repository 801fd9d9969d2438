"""How well a prediction fits what was measured: one number for each way of asking.

Every metric takes what was predicted of each image (true: the unit should be active) and how the
unit answered, and is None where it is not defined; :func:`undefined` says why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Metric = Callable[[ArrayLike, ArrayLike], float | None]


def undefined(predicted: ArrayLike, values: ArrayLike) -> str:
    """Why nothing can be said: the end of "not scored, because …"; empty where it can."""
    said, measured = np.asarray(predicted, float), np.asarray(values, float)
    if not len(measured):
        return "there are no images"
    if wrong := np.count_nonzero(~np.isfinite(measured)):
        return f"the unit answered {wrong} of {len(measured)} images with NaN or infinity"
    if not said.any():
        return "no image is predicted to be active"
    if np.ptp(said) == 0:
        return "every image is predicted to be active"
    if np.ptp(measured) == 0:
        return "the unit answers all images alike"
    return ""


def pearson(predicted: ArrayLike, values: ArrayLike) -> float | None:
    """Pearson's r between prediction and activation: it needs no threshold."""
    if undefined(predicted, values):
        return None
    return float(np.corrcoef(np.asarray(predicted, float), np.asarray(values, float))[0, 1])


def auprc(predicted: ArrayLike, values: ArrayLike) -> float | None:
    """Area under precision and recall when activation ranks the images that were predicted.

    By chance it is the share of predicted images. Equal activations are one step of the ranking.
    """
    if undefined(predicted, values):
        return None
    ends, hits = _ranked(predicted, values)
    recall = hits / hits[-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * hits / ends))


def f1(predicted: ArrayLike, values: ArrayLike) -> float | None:
    """F1 where as many images count as active as were predicted: the most active ones.

    With as many of one as of the other, precision, recall and F1 are the same number.
    """
    if undefined(predicted, values):
        return None
    ends, hits = _ranked(predicted, values)
    # Where equal activations straddle the line, the predicted among them are shared out evenly.
    return float(np.interp(hits[-1], [0.0, *ends], [0.0, *hits]) / hits[-1])


def mann_whitney(predicted: ArrayLike, values: ArrayLike) -> float | None:
    """Chance that a predicted image is more active than another, ties counting half.

    It is Mann and Whitney's U over the number of pairs, and the area under the ROC curve.
    """
    if undefined(predicted, values):
        return None
    said, measured = np.asarray(predicted, bool), np.asarray(values, float)
    others = np.sort(measured[~said])
    below = np.searchsorted(others, measured[said], "left")
    upto = np.searchsorted(others, measured[said], "right")
    return float((below + upto).mean() / 2 / len(others))


def mean_difference(predicted: ArrayLike, values: ArrayLike) -> float | None:
    """Mean activation of predicted images minus that of the others, in standard deviations."""
    if undefined(predicted, values):
        return None
    said, measured = np.asarray(predicted, bool), np.asarray(values, float)
    return float((measured[said].mean() - measured[~said].mean()) / measured.std())


METRICS: Mapping[str, Metric] = {
    "pearson": pearson,
    "auprc": auprc,
    "f1": f1,
    "mann-whitney": mann_whitney,
    "mean-difference": mean_difference,
}
"""Every metric that is reported, by name."""


def _ranked(predicted: ArrayLike, values: ArrayLike) -> tuple[Floats, Floats]:
    """After each distinct activation, highest first: images so far, and predicted ones of them."""
    said, measured = np.asarray(predicted, bool), np.asarray(values, float)
    order = np.argsort(-measured, kind="stable")
    last = np.flatnonzero(np.diff(measured[order], append=-np.inf))
    return (last + 1).astype(float), np.cumsum(said[order])[last].astype(float)
