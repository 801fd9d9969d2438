import inspect
import json

import pytest

from maia_lab.bench import BENCHES
from maia_lab.bench.table import Row, Table


@pytest.mark.parametrize(
    ("goal", "holds"), [(">= 300", True), ("<= 300", False), ("", None), ("<= 320.5", True)]
)
def test_a_row_holds_by_its_value_and_not_by_its_interval(goal, holds):
    assert Row.of("scenes", [290, 320, 350], "images/s", goal).holds is holds


def test_every_bench_writes_one_shape(tmp_path, capsys):
    row = Row.of("import", [0.2, 0.1, 0.4], "s", "<= 0.3", "beyond numpy")
    table = Table("basics", (1, 2, 3), (row, Row("free", 1.0, 0.5, 2.0, 7, "s")))
    table.write(tmp_path / "table.json")
    read = json.loads((tmp_path / "table.json").read_text("utf-8"))
    assert set(read) == {"bench", "version", "seeds", "machine", "rows"}
    assert read["rows"][0] == {
        "name": "import",
        "value": 0.2,
        "low": 0.1,
        "high": 0.4,
        "n": 3,
        "unit": "s",
        "goal": "<= 0.3",
        "holds": True,
        "note": "beyond numpy",
    }
    table.print()
    assert "import" in capsys.readouterr().out


def test_every_bench_in_the_registry_opens_and_takes_its_options():
    for bench in BENCHES.values():
        taken = inspect.signature(bench.open()).parameters
        assert next(iter(taken)) == "seeds" and set(bench.options) <= set(taken)


def test_a_table_says_what_stands_for_the_papers_data(tmp_path, capsys):
    table = Table("spurious", (1,), (), paper="drawn scenes stand for photographs")
    table.print()
    assert "Protocol-equivalent: drawn scenes stand for photographs." in capsys.readouterr().out
    table.write(tmp_path / "table.json")
    read = json.loads((tmp_path / "table.json").read_text("utf-8"))
    assert read["protocol-equivalent"] == "drawn scenes stand for photographs"
