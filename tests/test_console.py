"""The reviewer at the terminal, the policies, and the session told as it happens."""

from __future__ import annotations

import io
import os
import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from maia_lab.console import ConsoleReviewer, Narrator, PolicyReviewer
from maia_lab.errors import SessionError
from maia_lab.events import (
    Accepted,
    Decided,
    Event,
    Noted,
    Observed,
    Offered,
    Opened,
    Paused,
    Setting,
    Stopped,
)
from maia_lab.flags import flags
from maia_lab.observation import Measurement, Observation, Picture, Score, Table, Text
from maia_lab.proposal import Conclusion, Evidence, Hypothesis, Prediction, Proposal
from maia_lab.review import Approve, Edit, Flag, Reject, Stop
from maia_lab.tasks import DESCRIBE
from maia_lab.unit import Unit

CODE = "images = tools.dataset_sample(5)\nprint(tools.compare({'red circle': images}))\n"
PROPOSAL = Proposal(
    "Is it red, or red circles?",
    CODE,
    (Hypothesis("H1", "fires for red things"), Hypothesis("H2", "fires for blue things")),
    (Prediction("H1", ("red circle",)), Prediction("H2", ("blue circle",), ("red circle",))),
)
CONCLUSION = Conclusion(
    "Fires for red things.", ("red thing",), ("grass",), (Evidence("H1", (1,)),), "small things"
)
SCORES = (
    Score("this description", ("red thing",), 0.95, 0.9, 40, 38, 750),
    Score("one-shot baseline", ("red circle",), 0.97, 0.41, 16, 38, 750),
)


def offered(proposal: Proposal | Conclusion = PROPOSAL) -> Offered:
    return Offered(1, 1, proposal, "offline", flags(proposal))


def measured(condition: str, mean: float, low: float = 0, high: float = 0) -> Measurement:
    control = "" if condition == "control" else "control"
    middle, values = (low + high) / 2, (mean - 0.1, mean, mean + 0.1)
    return Measurement(
        condition, values, ("a", "b", "c"), mean, 0.1, 0.5, 90, control, middle, low, high, 1.0
    )


def told(*events: Event, stream: io.TextIOBase | None = None, **options: object) -> str:
    stream = stream or io.StringIO()
    narrator = Narrator(stream, **options)  # type: ignore[arg-type]
    for event in events:
        narrator(event)
    stream.flush()
    return stream.getvalue() if isinstance(stream, io.StringIO) else ""


def session(by: str = "auto") -> Iterator[Event]:
    setting = Setting("offline", "scenes", "3000 scenes", "scene renderer", policy="auto")
    yield Opened("amber-fox", DESCRIBE.ask(Unit.parse("scenes/layer4/12")), setting)
    yield offered()
    yield Decided(1, 1, Approve(), by)
    picture = Picture("ab" * 32, "5 images, activations 0.93 to 0.71", 10, 10)
    rows = (measured("red circle", 0.9, 0.5, 0.8), measured("control", 0.2))
    rows += (measured("blue circle", 0.1, -0.3, -0.1),)
    yield Observed(1, Observation((Text("a table"), picture), rows, seconds=1.25))
    yield Offered(2, 1, CONCLUSION, "offline", flags(CONCLUSION))
    yield Decided(2, 1, Approve(), by)
    yield Observed(2, Observation(scores=SCORES))
    yield Accepted(2, by)


def answering(
    text: str, proposal: Proposal | Conclusion = PROPOSAL
) -> tuple[object, str, list[str]]:
    """The verdict after these answers, what was shown, and what was said to the agent."""
    shown, said = io.StringIO(), []
    verdict = ConsoleReviewer(io.StringIO(text), shown).review(offered(proposal), said.append)
    return verdict, shown.getvalue(), said


@pytest.fixture
def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An $EDITOR that replaces the text by what is in the returned file."""
    wanted, script = tmp_path / "wanted.py", tmp_path / "editor.py"
    script.write_text(
        "import pathlib, sys\n"
        f"text = pathlib.Path({str(wanted)!r}).read_text()\n"
        "pathlib.Path(sys.argv[1]).write_text(text)\n"
    )
    monkeypatch.setenv("VISUAL", f'"{sys.executable}" "{script}"')
    return wanted


# The session told.


def test_a_session_is_told_in_a_few_lines_a_step() -> None:
    text = told(*session())
    for part in (
        "scenes/layer4/12 · amber-fox",
        "3000 scenes",
        "everything runs, with your rights",
        "1  Is it red, or red circles?",
        "H2 predicts  blue circle above red circle",
        "approved by auto",
        "0.90 ± 0.10  +0.65 [+0.50, +0.80]           90",
        "[5 images, activations 0.93 to 0.71]",
        "◐ indicated: H1 (1 for)",
        "✗ contradicted: H2 (1 against)",
        "Fires for red things.",
        "suppressed by  grass",
        "38 of 750 images count as active",
        "one-shot baseline",
        "the description stands, accepted by auto",
    ):
        assert part in text
    assert "objection" not in text
    assert max(map(len, text.splitlines())) <= 80
    assert "a table" not in text, "what was measured is not told twice"


def test_a_conclusion_that_was_objected_to_does_not_simply_stand() -> None:
    method = (Flag("method", "H1 was not confirmed"), Flag("method", "H2 was denied"))
    text = told(Offered(1, 1, CONCLUSION, "offline", method), Accepted(1, "auto"))
    assert "the description stands, accepted by auto, with 2 objections to it" in text


def test_what_was_not_scored_is_told_with_the_reason() -> None:
    why = "nothing can tell what they hold"
    score = Score("this description", ("red",), None, None, 0, 0, 0, why)
    text = " ".join(told(Observed(1, Observation(scores=(score,)))).split())
    assert f"red (not scored, because {why})" in text and "count as active" not in text


def test_the_plot_sets_every_interval_beside_the_control() -> None:
    lines = told(*session()).splitlines()
    red, control, blue = (
        next(x for x in lines if x.startswith(f"  {n} "))
        for n in ("red circle", "control", "blue circle")
    )
    zero = control.index("●")
    assert red[zero] == blue[zero] == "┊"
    assert red.index("●") > zero > blue.index("●")


def test_what_a_human_decided_at_the_console_is_not_shown_to_her_again() -> None:
    assert "Is it red" not in told(*session("human"))
    assert "approved by human" in told(*session("human"))
    assert "Is it red" in told(*session("human"), live=False)


def test_a_hypothesis_is_told_once_until_it_is_reworded() -> None:
    reworded = (Hypothesis("H1", "fires for crimson things"), PROPOSAL.hypotheses[1])
    again = Proposal("again", CODE, reworded)
    decided = Decided(1, 1, Approve(), "auto")
    text = told(offered(), decided, offered(), decided, offered(again), decided)
    assert text.count("fires for blue things") == text.count("fires for red things") == 1
    assert text.count("fires for crimson things") == 1


def test_pictures_are_named_as_files_where_it_is_known_where_they_lie(tmp_path: Path) -> None:
    assert f"{'ab' * 32}.png" in re.sub(r"\s", "", told(*session(), images=tmp_path))


def test_rejections_notes_errors_pauses_and_ends_are_told_in_a_line_each() -> None:
    text = told(
        offered(), Decided(1, 1, Reject("too few images"), "human"), Noted("try grass"),
        offered(), Decided(1, 1, Edit(CODE), "human"),
        Observed(1, Observation(outcome="error", error="Traceback\nZeroDivisionError: x\n")),
        Offered(2, 1, CONCLUSION, "offline"), Decided(2, 1, Approve(), "human"),
        Observed(2, Observation(scores=SCORES)), Decided(2, 1, Reject("test yellow"), "human"),
        Paused("interrupted"), Stopped("spent", "budget"),
    )  # fmt: skip
    lines = [line.strip() for line in text.splitlines()]
    for line in (
        "rejected by human: too few images",
        "human says: try grass",
        "edited and approved by human",
        "error: ZeroDivisionError: x",
        "not accepted by human: test yellow",
        "paused: interrupted",
        "stopped by budget: spent",
    ):
        assert line in lines


def test_many_conditions_are_cut_to_the_telling_ones_and_the_control() -> None:
    rows = [measured(f"c{i}", 0.5, i / 100, i / 50) for i in range(30)] + [measured("control", 0)]
    text = told(Observed(1, Observation(measurements=tuple(rows))))
    assert "c29" in text and "c20 " not in text and "control" in text and "25 more" in text


def test_an_ascii_stream_gets_ascii() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    told(*session(), stream=stream)
    text = raw.getvalue().decode("ascii")
    assert "0.90 +- 0.10" in text and "% indicated: H1" in text


def test_nothing_said_by_an_agent_steers_the_terminal_or_is_markup() -> None:
    evil = Proposal("\x1b[2J[red]why\u202e", CODE, (Hypothesis("H1", "\x1b]0;title\x07[bold]x"),))
    text = told(offered(evil), Decided(1, 1, Reject("\x1b[31mno"), "auto"))
    assert "\x1b" not in text and "\x07" not in text and "\u202e" not in text
    assert "[red]why" in text and "[bold]x" in text


# The reviewer at the console.


def test_everything_is_shown_before_it_is_asked() -> None:
    evil = Proposal(PROPOSAL.why, CODE + "import os  # \u202e\x1b[2J\n", PROPOSAL.hypotheses)
    _, shown, _ = answering("q\n", evil)
    assert "Is it red" in shown and "fires for blue things" in shown
    assert "tools.dataset_sample(5)" in shown and "imports os" in shown
    assert "\\u202e\\x1b[2J" in shown and "\u202e" not in shown and "\x1b" not in shown
    assert "[a]pprove" in shown


@pytest.mark.parametrize(
    ("answers", "verdict"),
    [
        ("a\n", Approve()),
        ("approve looks right\n", Approve("looks right")),
        ("r one image is too few\n", Reject("one image is too few")),
        ("r\ntoo few\n", Reject("too few")),
        ("r\n\nr\nnow a reason\n", Reject("now a reason")),
        ("q\n", Stop("stopped at the console")),
        ("?\nnonsense\n\na\n", Approve()),
    ],
)
def test_answers_become_verdicts(answers: str, verdict: object) -> None:
    assert answering(answers)[0] == verdict


def test_speaking_to_the_agent_decides_nothing() -> None:
    verdict, _, said = answering("s try grass\ns\nand sand\na\n")
    assert verdict == Approve() and said == ["try grass", "and sand"]


def test_an_edit_runs_instead(editor: Path) -> None:
    editor.write_text("print(2)\n")
    verdict, shown, _ = answering("e fewer images\n")
    assert verdict == Edit("print(2)\n", "fewer images")
    assert "+print(2)" in shown and "-images = " in shown


def test_an_unchanged_text_is_asked_about_again(editor: Path) -> None:
    editor.write_text(CODE)
    verdict, shown, _ = answering("e\na\n")
    assert verdict == Approve() and "Nothing was changed" in shown


def test_a_text_that_is_not_python_is_asked_about_again(editor: Path) -> None:
    editor.write_text("print(\n")
    verdict, shown, _ = answering("e\nr broken\n")
    assert verdict == Reject("broken") and "not Python" in shown


def test_an_editor_that_does_not_start_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISUAL", "no-such-editor-anywhere")
    verdict, shown, _ = answering("e\na\n")
    assert verdict == Approve() and "does not start" in shown


def test_where_nobody_can_answer_the_error_says_what_to_use() -> None:
    with pytest.raises(SessionError, match="--review safe"):
        ConsoleReviewer(io.StringIO(""), io.StringIO()).review(offered(), print)


def test_a_scored_conclusion_is_accepted_or_sent_back() -> None:
    def accept(text: str) -> str:
        return ConsoleReviewer(io.StringIO(text), io.StringIO()).accept(SCORES)

    assert accept("y\n") == accept("\nyes\n") == ""
    assert accept("test yellow things\n") == "test yellow things"
    assert accept("y fine\ny\n") == accept("yes, it fits\ny\n") == ""
    with pytest.raises(SessionError, match="--review safe"):
        accept("")


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no pseudo-terminals here")
def test_a_real_terminal_gets_colour_and_its_end_of_input_stops_the_session() -> None:
    ours, theirs = os.openpty()
    seen = bytearray()

    def read() -> None:
        while b"done\r\n" not in seen:
            seen.extend(os.read(ours, 4096))

    reader = threading.Thread(target=read)
    reader.start()
    with os.fdopen(os.dup(theirs), "r") as keys, os.fdopen(theirs, "w") as screen:
        os.write(ours, b"\x04")
        with pytest.raises(SessionError, match="resume"):
            ConsoleReviewer(keys, screen).review(offered(), print)
        print("done", file=screen, flush=True)
        reader.join(60)
    os.close(ours)
    assert b"\x1b[" in seen and b"dataset_sample" in seen


# The policies.


def test_auto_runs_everything() -> None:
    reviewer = PolicyReviewer("auto")
    assert reviewer.name == "auto"
    assert reviewer.review(offered(Proposal("w", "import os")), print) == Approve()
    assert reviewer.accept(SCORES) == ""


def test_safe_runs_what_is_listed_and_tells_the_agent_what_is_not() -> None:
    reviewer = PolicyReviewer("safe")
    assert reviewer.review(offered(), print) == Approve()
    assert reviewer.review(offered(CONCLUSION), print) == Approve()
    verdict = reviewer.review(offered(Proposal("w", "x = 1\nimport os")), print)
    assert isinstance(verdict, Reject) and "line 2: import of os" in verdict.note


def test_a_task_s_table_keeps_its_columns_and_its_whole_note():
    note = "Score lost: " + "share of what the thing adds to the score, " * 4 + "measured last."
    table = Table("Where it is missed", ("context", "lost"), (("fish: on grass", "0.65"),), note)
    stream = io.StringIO()
    Narrator(stream)(Observed(1, Observation(tables=(table,))))
    title, head, row, *told = stream.getvalue().splitlines()
    assert title.strip() == "Where it is missed"
    assert row.index("0.65") + 4 == head.index("lost") + 4 and row.split() == [
        *("fish:", "on", "grass"), "0.65",
    ]  # fmt: skip
    assert len(told) > 1 and " ".join(" ".join(told).split()) == note
