"""Scores as a small table in a widget."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from maia_lab.observation import Score
from maia_lab.plain import one_line
from maia_lab.scoring.evaluation import explained, figure

HEAD = ("held-out images", "precision", "recall", "r", "AUPRC", "of")


def table(scores: Sequence[Score]) -> str:
    """Scores as HTML, one a line; empty where there are none."""
    if not scores:
        return ""
    lines = [_line("th", HEAD), *(_line("td", _cells(score)) for score in scores)]
    told = "".join(f"<li>{escape(one_line(line))}</li>" for line in explained(scores))
    return f"<table>{''.join(lines)}</table><ul>{told}</ul>"


def _line(tag: str, cells: Sequence[str]) -> str:
    style = "text-align:left;padding-right:1em"
    return f"<tr>{''.join(f'<{tag} style={style!r}>{c}</{tag}>' for c in cells)}</tr>"


def _cells(score: Score) -> list[str]:
    figures = (score.precision, score.recall, score.correlation, score.auprc)
    why = f" (not scored, because {score.note})" if score.note else ""
    return [escape(one_line(score.of + why)), *map(figure, figures), str(score.n)]
