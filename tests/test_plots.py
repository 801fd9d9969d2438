"""Plots of real measurements: they hold what was measured, say it in words, and never break."""

import io
from dataclasses import replace

import numpy as np
import pytest
from conftest import plain
from PIL import Image
from test_comparison import measured
from test_ledger import FAILS, HOLDS, LOW, PAIR, rows, step

from maia_lab import plots
from maia_lab.comparison import Comparison
from maia_lab.ledger import Ledger
from maia_lab.proposal import Hypothesis

EVENTS = (*step(1, rows(*PAIR), HOLDS), *step(2, rows(*PAIR, of="new"), HOLDS))


def pixels(plot):
    return np.asarray(Image.open(io.BytesIO(plot.png)).convert("RGBA"))


def test_conditions_are_dots_with_intervals_over_the_data(system):
    groups = {name: [plain(name, i) for i in range(6)] for name in ("red", "blue")}
    compared = Comparison.measure(system, groups, "blue", 0)
    plot = plots.conditions(compared.conditions)
    (axes,) = plot.figure.axes
    assert [t.get_text() for t in axes.get_yticklabels()] == ["red", "blue"]
    dots = [len(c.get_offsets()) for c in axes.collections]
    assert dots == [6, 1, 6, 1]
    assert "50 % of the data" in axes.get_xlabel()
    assert "red" in plot.alt and "n=6" in plot.alt
    content, metadata = compared._repr_mimebundle_()
    assert content["text/plain"] == str(compared)
    assert metadata["image/png"]["alt"] == plot.alt


def test_the_ground_is_transparent_and_the_ink_of_a_middle_tone():
    seen = pixels(plots.standing(EVENTS))
    assert (seen[..., 3] == 0).mean() > 0.8
    ink = seen[seen[..., 3] > 200][:, :3].astype(int).sum(1)
    # Neither lost on white nor on black.
    assert 150 < np.median(ink) < 650


def test_predictions_stand_right_of_zero_where_they_held_and_are_filled_when_confirmed():
    plot = plots.predictions(Ledger.fold(EVENTS))
    (axes,) = plot.figure.axes
    assert [t.get_text() for t in axes.get_yticklabels()] == ["H1 · high > low"] * 2
    faces = [len(c.get_facecolor()) for c in axes.collections]
    assert faces == [0, 1]
    assert all(c.get_offsets()[0][0] > 0 for c in axes.collections)
    assert "for" in plot.alt


def test_hypotheses_are_followed_over_steps():
    plot = plots.standing(EVENTS)
    assert "H1 is supported" in plot.alt and "H2 is untested" in plot.alt
    legend = [t.get_text() for t in plot.figure.legends[0].get_texts()]
    assert legend == ["supported", "indicated", "untested"]


def test_a_legend_stays_on_the_page_beside_long_names():
    wordy = tuple(Hypothesis(f"H{i}", "fires for large striped red things " * 2) for i in (1, 2))
    figure = plots.standing(
        step(1, rows(*PAIR), HOLDS, FAILS, hypotheses=wordy) + step(2, rows(*PAIR), HOLDS)
    ).figure
    figure.canvas.draw()
    shown = figure.legends[0].get_window_extent()
    assert shown.x0 >= 0 and shown.x1 <= figure.bbox.x1


def test_what_holds_nothing_is_not_drawn():
    assert plots.conditions([]) is None and plots.standing(()) is None
    assert plots.predictions(Ledger.fold(())) is None
    lost = replace(LOW, values=(float("nan"),) * LOW.n)
    assert plots.conditions([lost]) is None


@pytest.mark.parametrize("name", [r"$\frac{a$", "日本 🦊", "a\u202eb", "<b>", "x" * 500, "\n"])
def test_any_name_can_be_drawn(name):
    wild = measured([1.0, 2.0, float("inf")], condition=name)
    assert pixels(plots.conditions([replace(wild, low=float("-inf"), high=float("inf"))])).any()


def test_many_rows_are_cut_and_counted():
    many = [measured([float(i), i + 1.0], condition=f"c{i}") for i in range(50)]
    plot = plots.conditions(many)
    assert plot.figure.axes[0].get_title("right") == "20 more are not shown"
