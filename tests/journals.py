"""Sessions as they happen, written into a journal event by event: for what reads journals."""

from __future__ import annotations

import io

from maia_lab.events import (
    Accepted,
    Began,
    Decided,
    Noted,
    Observed,
    Offered,
    Opened,
    Paused,
    Resumed,
    Setting,
    Stopped,
)
from maia_lab.grid import Grid
from maia_lab.observation import Measurement, Observation, Picture, Score, Text, Trial
from maia_lab.proposal import Conclusion, Evidence, Hypothesis, Prediction, Proposal
from maia_lab.review import Approve, Edit, Flag, Reject
from maia_lab.session import sha256
from maia_lab.task import Question
from maia_lab.unit import Unit

CODE = 'images = tools.text2image(["a red circle"], per_prompt=3)\nprint(len(images))  # three'
ERROR = (
    'Traceback (most recent call last):\n  cell, line 1\nNameError: name "imagse" is not defined'
)


def opened(word: str = "") -> Opened:
    """The first event; ``word`` is added to every text in it."""
    setting = Setting(
        agent=f"offline{word}",
        world=f"scenes{word}",
        data=f"300 scenes{word}",
        generator=f"scenes renderer{word}",
        editor=f"scenes editor{word}",
        captioner=f"scenes captioner (perfect sight){word}",
        digests=(("weights", f"0123456789abcdef{word}"),),
        options=(("data", f"photos{word}"), ("seed", "7"), (f"not a name{word}", "x")),
        seed=7,
        version=f"0.1.0{word}",
    )
    unit = Unit(f"scenes{word}", f"layer4{word}", f"12{word}" if word else 12)
    return Opened(f"amber-fox{word}", Question("describe", unit, f"What is it?{word}"), setting)


def example(journal, images, word: str = ""):
    """A session with everything in it that can be in one; ``word`` is added to every text.

    Args:
        journal: an empty journal.
        images: a few, to be shown.
        word: anything, hostile or not.
    """
    file = io.BytesIO()
    grid = Grid.of([(0.9 - i / 10, image) for i, image in enumerate(images)])
    grid.draw().save(file, "PNG")
    picture = Picture(journal.keep(file.getvalue()), grid.alt + word, *grid.draw().size)
    red, blue, control = f"red circles{word}", f"blue circles{word}", f"control{word}"
    rows = (
        _row(red, (0.9, 0.8, 0.85), control, 0.55, 0.4, 0.7),
        _row(f"a red square{word}", (0.6,), control, 0.3, float("-inf"), float("inf")),
        _row(blue, (0.31, 0.29, 0.33), control, 0.01, -0.1, 0.1),
        _row(control, (0.2, 0.3, 0.4), "", 0.0, 0.0, 0.0),
    )
    claims = (
        Hypothesis("H1", f"fires for red things{word}"),
        Hypothesis("H2", f"fires for blue things{word}"),
        Hypothesis("H3", f"fires at night{word}"),
    )
    predicts = (Prediction("H1", (red,), (blue,)), Prediction("H2", (blue,), (red,)))
    look = Proposal(f"Is it red?{word}", CODE + word, claims, predicts)
    flags = (Flag("method", f"no control{word}", 1), Flag("risk", f"reads a file{word}"))
    end = Conclusion(
        f"It is active for red things.{word}",
        (f"red{word}", f"red circle{word}"),
        (f"grass background{word}",),
        (Evidence("H1", (1,)),),
        f"Other shapes were not tested.{word}",
    )
    scores = (
        Score(
            *("this description", (f"red{word}",), 0.91, 0.82, 40, 50, 1000),
            correlation=0.8,
            suppressed_by=(f"grass background{word}",),
            auprc=0.75,
            shares=(0.9,),
            rater=f"a rater{word}",
            trial=Trial((2.0, 2.5), (0.1, 0.3), (0.2, 0.9), f"a generator{word}"),
        ),
        Score(f"one-shot baseline{word}", (f"circle{word}",), 0.4, None, 90, 50, 1000),
        Score(f"observational{word}", (), None, None, 0, 0, 0, f"no words{word}"),
    )
    told = Observation(
        (Text(f"three{word}\nthe first"), picture, Text(f"and then\n{word}\n" * 9)), rows
    )
    for event in (
        opened(word),
        Offered(1, 1, look, f"offline{word}", flags),
        Decided(1, 1, Edit(CODE.replace("3", "5") + word, f"take more{word}"), "human"),
        Began(1, 1, sha256(CODE)),
        Observed(1, told),
        Noted(f"Look at the background too.{word}"),
        Offered(2, 1, Proposal(f"Mistyped{word}", f"imagse{word}"), f"human{word}"),
        Decided(2, 1, Approve(), f"auto{word}"),
        Began(2, 1, sha256("imagse")),
        Observed(2, Observation(outcome="error", error=ERROR + word, seconds=0.5)),
        Offered(3, 1, Proposal(f"Delete everything{word}", f"import os{word}"), "offline"),
        Decided(3, 1, Reject(f"no files, please{word}"), "human"),
        Paused(f"lunch{word}"),
        Resumed("another-process"),
        Offered(4, 1, end, "offline"),
        Decided(4, 1, Reject(f"step 1 contradicts it{word}"), "ledger"),
        Offered(5, 1, end, "offline"),
        Decided(5, 1, Approve(f"well done{word}"), "human"),
        Began(5, 1, sha256(end.code)),
        Observed(5, Observation((Text(f"scored{word}"),), scores=scores, seconds=65.0)),
        Accepted(5, f"human{word}"),
    ):
        journal.append(event)
    return journal


def stopped(journal):
    """A session that came to nothing."""
    journal.append(opened())
    journal.append(Stopped("the budget of steps is spent", "budget"))
    return journal


def _row(condition, values, control, difference, low, high) -> Measurement:
    mean = sum(values) / len(values)
    bases = tuple(f"{condition}-{i}" for i in range(len(values)))
    effect = difference / 0.2
    return Measurement(
        condition, values, bases, mean, 0.05, 0.5, 90.0, control, difference, low, high, effect, "x"
    )
