"""What may run when nobody looks."""

from __future__ import annotations

import ast

import pytest
from corpus import benign, hostile

from maia_lab.allowlist import refusals
from maia_lab.proposal import Conclusion

USUAL_LEAST = 0.8
"""Share of the benign experiments that must pass; what does is printed with ``pytest -s``."""


def test_no_hostile_snippet_runs_by_itself() -> None:
    snippets = hostile()
    assert len(snippets) >= 150
    assert [code for _, code in snippets if not refusals(code)] == []


def test_hostile_code_stays_refused_inside_an_experiment() -> None:
    around = "images = tools.dataset_sample(5)\nif images:\n{}\ntools.display(images)"
    for _, code in hostile():
        inner = "\n".join(f"    {line}" for line in code.splitlines())
        assert refusals(around.format(inner)), code


def test_most_benign_experiments_run_by_themselves() -> None:
    experiments = benign()
    assert len(experiments) >= 100
    refused = {title: reasons for title, code in experiments if (reasons := refusals(code))}
    passed = len(experiments) - len(refused)
    print(f"\n{passed} of {len(experiments)} benign experiments run by themselves; the others:")
    for title, reasons in refused.items():
        print(f"  {title}: {reasons[0]}")
    assert passed / len(experiments) >= USUAL_LEAST


def test_benign_experiments_are_python() -> None:
    for _, code in benign():
        ast.parse(code)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("x = 1\nimport os", "line 2: import of os"),
        ("print(secret)", "line 1: secret, which is not defined in this cell"),
        ("tools = 3", "line 1: rebinding of tools"),
        ("x = [1]\nfor i in range(9):\n    x = x + x", "line 3: x, which grows out of itself"),
        ("while True: print(1)", "line 1: While"),
        ("!ls", "it does not parse as Python"),
    ],
)
def test_a_refusal_names_the_line_and_what_is_not_on_the_list(code: str, reason: str) -> None:
    assert reason in refusals(code)


@pytest.mark.parametrize(
    "code",
    [
        "total = 0\nfor value in [1.0, 2.0]:\n    total += value\nprint(total)",
        "x = [1]\nx = x + x\nprint(x)",
        "rows = []\nfor i in range(100):\n    rows.append(i * 2)\nprint(rows)",
        "seen = {}\nfor word in 'a b a'.split():\n    seen[word] = seen.get(word, 0) + 1",
        "def f(x):\n    return x + x\nprint(f('a'))",
        "print('-' * 40, f'{1.5:>10.2f}', '%.2f' % 1.5)",
        "print(sorted(system.reference.values)[:5], system.reference.high)",
    ],
)
def test_ordinary_growth_is_allowed(code: str) -> None:
    assert refusals(code) == ()


def test_a_conclusion_cell_is_not_an_experiment() -> None:
    assert refusals(Conclusion("d", ("red thing",)).code)


def test_code_that_is_long_deep_or_broken_is_refused_and_not_choked_on() -> None:
    for code in (
        "x = 1\n" * 9999,
        "(" * 300,
        "-" * 5000 + "1",
        "\x00",
        "\ud800",
        "[" * 90 + "]" * 90,
    ):
        assert isinstance(refusals(code), tuple)
    assert refusals("x = 1\n" * 9999)
    assert refusals("f = lambda: 0\n" + "+".join(["1"] * 4000))
