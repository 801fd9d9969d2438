"""Many units: which are meant, what they may cost, and that one of them ends nothing."""

import importlib
import sys

import pandas
import pytest

from maia_lab import start
from maia_lab.cli import FAILED, main
from maia_lab.cli.terms import UNCONCLUDED
from maia_lab.errors import DataError, MissingExtra, UnitError
from maia_lab.events import Answered, Opened, Setting
from maia_lab.journal import Journal
from maia_lab.scale import cluster, sweep
from maia_lab.scale.cap import Cap
from maia_lab.scale.page import to_html
from maia_lab.scale.row import Row
from maia_lab.scale.sweep import _Sweep
from maia_lab.scale.units import expand, session_name
from maia_lab.session import Session
from maia_lab.spending import Spent, Usage
from maia_lab.tasks import DESCRIBE
from maia_lab.unit import Unit

UNIT, OTHER, UNKNOWN = "scenes/layer4/12", "scenes/layer4/13", "scenes/layer9/1"


def test_ranges_and_files_are_read_and_each_unit_is_meant_once(tmp_path):
    listed = tmp_path / "units.txt"
    listed.write_text("# the last layer\nnet/layer4/2-4\n\nnet/logits/tench # a class\n")
    texts = ["net/layer4/3", str(listed), "hf:a/b/stage.1/7"]
    assert [str(unit) for unit in expand(texts)] == [
        *("net/layer4/3", "net/layer4/2", "net/layer4/4", "net/logits/tench", "hf:a/b/stage.1/7")
    ]


@pytest.mark.parametrize("text", ["net/layer4/9-3", "net layer4 3", ""])
def test_what_names_no_unit_is_said(text):
    with pytest.raises(UnitError):
        expand([text])


def test_a_file_that_is_no_list_is_said(tmp_path):
    (tmp_path / "weights").write_bytes(b"\xff\xfe\x00\x9c")
    with pytest.raises(DataError, match="one a line"):
        expand([str(tmp_path / "weights")])


def test_sessions_of_different_units_have_different_names():
    addresses = ["a/b/1", "a-b/c/1", "a/b-c/1", "a:b/c/1", f"{'x' * 50}/l/1", f"{'x' * 51}/l/1"]
    names = [session_name(Unit.parse(address)) for address in addresses]
    assert names[0] == "a-b-1" and len(set(names)) == len(names)
    assert all(len(name) <= 64 for name in names)


def spent(number, tokens, ended=True):
    state = "concluded" if ended else "unfinished"
    return Row(Unit("net", "l", number), "", state, spent=Spent(tokens, 0.0, 1))


@pytest.mark.parametrize(
    ("rows", "granted", "places", "share"),
    [
        ([], {}, 4, 250),  # an even part for each that may begin
        ([spent(0, 300)], {1: 250}, 1, 450),  # neither spent nor granted
        ([spent(0, 400)], {}, 3, 400),  # no less than a session usually takes
        ([spent(0, 400), spent(1, 300)], {}, 1, 0),  # what is left does not pay for one
        ([spent(0, 400, ended=False)], {0: 1000}, 1, 0),  # granted includes what was used
    ],
)
def test_a_cap_is_shared_so_that_it_holds(rows, granted, places, share):
    given = {Unit("net", "l", number): tokens for number, tokens in granted.items()}
    assert Cap("tokens", 1000, None).grant(rows, given, places) == share
    assert Cap("tokens", 1000, 100).grant(rows, given, places) == min(share, 100)
    assert Cap("tokens", None, 100).grant(rows, given, places) == 100


@pytest.mark.parametrize("most", [None, 1000])
def test_what_a_broken_off_session_had_used_is_a_part_of_what_it_may(tmp_path, most):
    unit = Unit("net", "l", 1)
    journal = Journal.create(tmp_path, session_name(unit))
    opened = Opened(journal.name, DESCRIBE.ask(unit), Setting("claude", "scenes", "data"))
    session = Session.open(journal, opened)
    session.keep(Answered("m", "m at here", "", "end_turn", Usage(input=60)))
    journal.close()
    going = _Sweep(tmp_path, [unit], (Cap("tokens", most, 100), Cap("money", None, None)), None)
    assert going._limits(1) == {"tokens": 100, "money": None}


def test_a_failed_unit_ends_nothing_and_a_second_run_goes_on(two_workers, few, tmp_path):
    root = tmp_path / "sweep"
    given = {"data": few, "agent": "offline", "max_steps": 3}
    # A session that was opened, and lost its process before it came to anything.
    left = session_name(Unit.parse(OTHER))
    start.describe(OTHER, folder=root / "sessions", session=left, **given).journal.close()
    told, given["scheduler"] = [], two_workers
    units = [UNIT, UNKNOWN, UNIT, OTHER]
    frame = sweep(units, root, told=lambda row, *count: told.append(count), **given)
    assert list(frame["state"]) == ["concluded", "failed", "concluded"]
    assert "layer4" in frame["why"][1]
    assert told == [(1, 3), (2, 3), (3, 3)]
    pandas.testing.assert_frame_equal(pandas.read_parquet(root / "table.parquet"), frame)
    assert len(pandas.read_csv(root / "table.csv")) == 3
    page = (root / "sweep.html").read_text("utf-8")
    assert "2 of 3 units described" in page and "<script" not in page
    for session in (session_name(Unit.parse(UNIT)), left):
        assert f'href="reports/{session}/report.html"' in page
        assert (root / "reports" / session / "report.html").is_file()
    journals = {p: p.read_bytes() for p in root.glob("sessions/*/journal.jsonl")}
    again = sweep(units, root, **given)
    assert list(again["state"]) == list(frame["state"])
    assert {p: p.read_bytes() for p in root.glob("sessions/*/journal.jsonl")} == journals


def test_where_nothing_is_left_to_spend_nothing_is_begun(two_workers, tmp_path):
    frame = sweep([UNIT], tmp_path, scheduler=two_workers, agent="offline", max_tokens=0)
    assert "does not pay for a session" in frame["why"][0]
    assert not (tmp_path / "sessions").exists()


def test_the_page_shows_a_hostile_description_as_text():
    row = Row(Unit("net", "<b>", 1), "s", "failed", "<script>alert(1)</script>")
    page = to_html("x", [row], {})
    assert "<script" not in page and "&lt;script&gt;" in page


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["scenes layer4 12"], "is not a unit"),
        (["scenes/layer4/12", "--scheduler", "tcp://127.0.0.1:9"], "--scheduler local"),
        (["scenes/layer4/12", "--scheduler", "nowhere"], "--scheduler local"),
        (["scenes/layer4/12", "--agent", "claude"], "ANTHROPIC_API_KEY"),
    ],
)
def test_what_cannot_be_done_at_all_is_said_in_a_sentence(
    words, says, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(cluster, "PATIENCE", 0.5)
    assert main(["sweep", *words, "--out", str(tmp_path / "x")]) == FAILED
    err = capsys.readouterr().err
    assert says in err and "Traceback" not in err


def test_a_sweep_goes_on_only_with_the_same_question(two_workers, tmp_path, capsys):
    words = ["sweep", UNKNOWN, "--out", str(tmp_path), "--scheduler", two_workers]
    assert main([*words, "--agent", "offline"]) == UNCONCLUDED
    assert f"1/1 {UNKNOWN} failed" in capsys.readouterr().err
    assert main([*words, "--agent", "offline", "--seed", "5"]) == FAILED
    assert "was begun with seed 0, not 5" in capsys.readouterr().err
    words[words.index(str(tmp_path))] = str(tmp_path / "edited")
    assert main([*words, "--agent", "offline", "--editor", "nobody"]) == UNCONCLUDED
    assert "'nobody' is not the name of an editor" in capsys.readouterr().err


def test_without_the_extra_the_error_says_how_to_get_it(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("maia_lab.scale")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtra, match=r"pip install 'maia-lab\[scale\]'"):
        importlib.import_module("maia_lab.scale")
