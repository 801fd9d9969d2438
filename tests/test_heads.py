"""A head over some units, and what ℓ1 lets in first."""

import numpy as np

from maia_lab import heads

RNG = np.random.default_rng(0)
LABELS = np.arange(120) % 3
FEATURES = RNG.normal(size=(120, 12)) * np.geomspace(0.1, 50, 12)
FEATURES[:, 2:5] += 3 * np.eye(3)[LABELS] * FEATURES[:, 2:5].std(0)
DATA = heads.Sample("made up", FEATURES, LABELS)


def test_l1_lets_in_the_units_that_tell_the_classes():
    assert set(heads.ranked(DATA, 3)) == {2, 3, 4}
    strong, *_, weak = heads.fit(DATA, penalty="l1")
    assert len(strong.units) <= 3 < len(weak.units)


def test_a_head_reads_the_chosen_units_and_no_other():
    head = heads.tuned(DATA, [2, 3, 4])
    assert head.units == (2, 3, 4)
    assert head.accuracy(DATA) > 0.9
    changed = FEATURES.copy()
    changed[:, 5:] = 0
    assert (head.predict(changed) == head.predict(FEATURES)).all()
    assert heads.tuned(DATA, [8, 9]).accuracy(DATA) < 0.6


def test_a_weak_penalty_comes_to_plain_logistic_regression():
    from sklearn.linear_model import LogisticRegression

    head = heads.fit(DATA, strengths=[0.05])[0]
    x = (FEATURES - FEATURES.mean(0)) / FEATURES.std(0)
    known = LogisticRegression(C=1 / (0.05 * len(x)), tol=1e-8, max_iter=1000).fit(x, LABELS)
    assert np.allclose(head.weights * FEATURES.std(0)[:, None], known.coef_.T, atol=0.001)


def test_l1_comes_to_where_the_loss_pulls_no_unit_in_that_it_leaves_out():
    head = heads.fit(DATA, penalty="l1", strengths=[0.05])[0]
    x = (FEATURES - FEATURES.mean(0)) / FEATURES.std(0)
    p = np.exp(FEATURES @ head.weights + head.bias)
    pull = x.T @ (p / p.sum(1, keepdims=True) - np.eye(3)[LABELS]) / len(x)
    inside = head.weights != 0
    assert inside.any() and np.allclose(np.abs(pull[inside]), 0.05, atol=1e-3)
    assert (np.abs(pull[~inside]) <= 0.051).all()


def test_once_a_few_units_tell_the_classes_the_others_are_ranked_without_them():
    clear = FEATURES.copy()
    clear[:, 0] = LABELS
    order = heads.ranked(heads.Sample("clear", clear, LABELS), 12)
    assert order[0] == 0 and set(order) == set(range(12))


def test_of_equal_strengths_the_strongest_is_chosen():
    path = heads.path(DATA, [2, 3, 4])
    assert path.best is path.heads[int(np.argmax(path.validated))]
    # What no head was fitted on is harder than what it was.
    assert path.validated.max() <= max(head.accuracy(DATA) for head in path.heads)


def test_halves_hold_every_class_and_share_no_image():
    (one, other), (again, _) = heads.Sample("by class", FEATURES, np.sort(LABELS)).halves
    assert np.bincount(one.y).tolist() == np.bincount(other.y).tolist() == [20, 20, 20]
    assert again is other or (again.x == other.x).all()
    assert not set(map(tuple, one.x)) & set(map(tuple, other.x))
