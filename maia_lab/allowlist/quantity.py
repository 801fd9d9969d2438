"""How large a number can be, and how often a loop goes round, read off a program's text."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Sequence

from maia_lab.allowlist.bindings import USUAL, bindings, called, words

GATHERED = 1e3
"""Elements that a list which is added to counts as."""
SIDE = 4096.0
"""Pixels along an image's side."""
_SIZES = {"range": 1e5, "resize": SIDE, "crop": SIDE, "ljust": 1e3, "rjust": 1e3, "center": 1e3}
_SIZES |= {"zfill": 1e3, "dataset_sample": 1e3}
"""Calls all of whose arguments are sizes, and how large they may be."""
_SECOND = {"text2image": 1e2, "dataset_exemplars": 1e3, "combinations": 4.0, "sample": 1e4}
_SECOND |= {"dataset_labelled": 1e3}
"""Calls whose second argument is a size."""
_COUNTS = {
    "count": 1e3,
    "per_prompt": 1e2,
    "k": 1e4,
    "most": 1e3,
    "repeat": 4.0,
    "r": 4.0,
    "n": 1e3,
}
"""Keywords that are sizes, whatever is called."""
CROSSED = frozenset({"combinations", "join", "product", "replace"})
"""Calls whose result is as large as the product of what they were given."""
SIZING = CROSSED.union(_SIZES, _SECOND, ["choices"])
"""Calls that are only as large as their arguments: these must be seen."""
_WIDE = re.compile(r"\d{4,}|%[^%a-z]*\*")
"""In a format: a width of four digits, or one that is given with the values."""
_REAL = words(
    "correlation cos exp fabs float fmean fsum gauss hypot log log10 log1p log2 mean pstdev"
    " pvariance random sin sqrt stdev std tan tanh uniform variance"
)
_FIGURES = words("difference effect high low mean percentile pi sd share_high threshold value")


class Quantities:
    """What the names of a program stand for, as far as that is plain.

    Attributes:
        sources: for every name all that it is ever bound to.
        gathered: names that are added to.
    """

    def __init__(self, tree: ast.Module) -> None:
        """Read all bindings of a program."""
        self.sources: dict[str, list[ast.expr]] = {}
        self.gathered: set[str] = set()
        self._resolving: set[str] = set()
        self._own: set[str] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                self._own.add(node.name)
            for name, source, gathers in bindings(node):
                self.sources.setdefault(name, []).append(source)
                if gathers:
                    self.gathered.add(name)

    def oversized(self, node: ast.AST) -> str:
        """Why one node, its children left out, may be a size without a plain limit; else empty."""
        match node:
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                return self._product(left, right)
            case ast.AugAssign(target=ast.Name() as left, op=ast.Mult(), value=right):
                return "" if self.real(right) else self._product(left, right)
            case ast.BinOp(left=left, op=ast.Mod()) | ast.AugAssign(target=left, op=ast.Mod()):
                spelled = isinstance(left, ast.Constant) and not _WIDE.search(str(left.value))
                return "" if spelled or self.number(left) else "% on what may be a text"
            case ast.BinOp(op=ast.Pow(), right=right):
                return "" if self.most(right) <= 4 else "a power that is not a small number"
            case ast.AugAssign(op=ast.Pow()):
                return "a power of itself"
            case ast.Call(func=func, args=args, keywords=keywords):
                return self._call(called(func), args, keywords)
            case ast.FormattedValue(format_spec=ast.JoinedStr(values=parts)):
                return "" if all(map(self._narrow, parts)) else "a format that may be very wide"
            case _:
                return ""

    def _call(self, name: str, args: Sequence[ast.expr], keywords: Sequence[ast.keyword]) -> str:
        sizes = [(k.value, _COUNTS[k.arg]) for k in keywords if k.arg in _COUNTS]
        if name in _SIZES:
            values = [*args, *(k.value for k in keywords if k.arg not in ("seed", "fillchar"))]
            numbers = [n for v in values for n in (v.elts if isinstance(v, ast.Tuple) else [v])]
            sizes += [
                (n, _SIZES[name])
                for n in numbers
                if not (isinstance(n, ast.Constant) and isinstance(n.value, str))
            ]
        if name in _SECOND and len(args) > 1:
            sizes.append((args[1], _SECOND[name]))
        if name in CROSSED | {"range"} and any(isinstance(a, ast.Starred) for a in args):
            return f"{name} of a number of things that is not plain"
        for value, limit in sizes:
            if not self.most(value) <= limit:
                return f"a size for {name} that is not plainly at most {limit:.0f}"
        return ""

    def _product(self, left: ast.expr, right: ast.expr) -> str:
        if self.number(left) and self.number(right):
            return ""
        for times, repeated in ((left, right), (right, left)):
            if (
                isinstance(repeated, ast.List | ast.Tuple | ast.Constant)
                and self.most(times) <= 1e3
            ):
                return ""
        # A text or a list times a number with a fraction is an error, not a repetition.
        return "" if self.real(left) or self.real(right) else "a product that may be a repetition"

    def _narrow(self, part: ast.expr) -> bool:
        if isinstance(part, ast.FormattedValue):
            return self.most(part.value) <= 1e3
        return isinstance(part, ast.Constant) and not _WIDE.search(str(part.value))

    def most(self, node: ast.expr) -> float:
        """The largest absolute value of what is plainly a number; infinite for all else."""
        match node:
            case ast.Constant(value=bool() | int() | float() as value):
                return float(abs(value)) if abs(value) < 1e15 else math.inf
            case ast.Name(id=name):
                if name in self.gathered:
                    return math.inf
                return max(self._judged(name, self.most, math.inf), default=math.inf)
            case ast.UnaryOp(operand=operand):
                return self.most(operand)
            case ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=right):
                return self.most(left) + self.most(right)
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                return self.most(left) * self.most(right)
            case ast.BinOp(
                left=left, op=ast.Div() | ast.FloorDiv(), right=ast.Constant(value=int(v))
            ):
                return self.most(left) if v else math.inf
            case ast.BinOp(left=left, op=ast.Mod(), right=right):
                return self.most(right) if self.number(left) else math.inf
            case ast.IfExp(body=body, orelse=orelse):
                return max(self.most(body), self.most(orelse))
            case (
                ast.Attribute(attr="width" | "height" | "size")
                | ast.Subscript(value=ast.Attribute(attr="size"))
            ):
                return SIDE
            case ast.BinOp(left=left, op=ast.FloorDiv(), right=ast.Call(func=ast.Name(id="len"))):
                return self.most(left)
            case ast.Call(
                func=ast.Name(id="max"), args=[least, ast.Call(func=ast.Name(id="min"), args=args)]
            ):
                return max(self.most(least), min(map(self.most, args), default=math.inf))
            case ast.Call(func=ast.Name(id="len" | "enumerate")):
                return USUAL
            case ast.Call(
                func=ast.Name(id="int" | "round" | "abs" | "min" | "max" | "range"), args=args
            ):
                inner = [
                    a.elt if isinstance(a, ast.GeneratorExp | ast.ListComp) else a for a in args
                ]
                return max(map(self.most, inner), default=math.inf)
            case _:
                return math.inf

    def number(self, node: ast.expr) -> bool:
        """Whether a value is plainly a number, or at least nothing that ``*`` would repeat."""
        match node:
            case ast.Name(id=name):
                return all(self._judged(name, self.number, True) or [False])
            case ast.BinOp(op=ast.Sub() | ast.Pow() | ast.FloorDiv()) | ast.Compare():
                return True
            case ast.BinOp(left=left, op=ast.Add() | ast.Mult() | ast.Mod(), right=right):
                return self.number(left) and self.number(right)
            case ast.UnaryOp(operand=operand):
                return self.number(operand)
            case ast.IfExp(body=body, orelse=orelse):
                return self.number(body) and self.number(orelse)
            case ast.Call(func=ast.Name(id="int" | "round" | "abs" | "len")):
                return True
            case ast.Call(func=ast.Name(id="sum"), args=[ast.GeneratorExp(elt=elt)]):
                return self.number(elt)
            case _:
                return self.real(node) or self.most(node) < math.inf

    def real(self, node: ast.expr) -> bool:
        """Whether a value is plainly a number with a fraction, which never takes more room."""
        match node:
            case ast.Constant(value=float()) | ast.BinOp(op=ast.Div()):
                return True
            case ast.Name(id=name):
                return all(self._judged(name, self.real, True) or [False])
            case ast.UnaryOp(operand=operand):
                return self.real(operand)
            case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.Mult(), right=right):
                one = self.real(left) or self.real(right)
                return one and self.number(left) and self.number(right)
            case ast.Attribute(attr=name):
                return name in _FIGURES
            case ast.Call(func=func):
                return called(func) in _REAL.difference(self._own, self.sources)
            case _:
                return False

    def rounds(self, iterated: ast.expr) -> float:
        """How often a loop over it goes round."""
        match iterated:
            case ast.Constant(value=str(text)):
                return float(len(text))
            case ast.List(elts=elts) | ast.Tuple(elts=elts) | ast.Set(elts=elts):
                starred = [e for e in elts if isinstance(e, ast.Starred)]
                return len(elts) + sum(self.rounds(e.value) for e in starred)
            case ast.Dict(keys=keys):
                return float(len(keys)) if None not in keys else USUAL
            case ast.Name(id=name):
                if name in self.gathered:
                    return GATHERED
                return max(self._judged(name, self.rounds, USUAL), default=USUAL)
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                times = min(self.most(left), self.most(right))
                return times * max(self.rounds(left), self.rounds(right))
            case ast.BinOp(left=left, right=right):
                return self.rounds(left) + self.rounds(right)
            case ast.Subscript(value=value, slice=ast.Slice()):
                return self.rounds(value)
            case ast.Call(func=ast.Attribute(value=value, attr="items" | "keys" | "values")):
                return self.rounds(value)
            case ast.Call(func=func, args=args, keywords=keywords):
                return self._called(called(func), args, keywords)
            case ast.ListComp() | ast.GeneratorExp() | ast.SetComp() | ast.DictComp():
                return math.prod(self.rounds(loop.iter) for loop in iterated.generators)
            case _:
                return USUAL

    def _called(
        self, name: str, args: Sequence[ast.expr], keywords: Sequence[ast.keyword]
    ) -> float:
        given = [self.rounds(argument) for argument in args]
        match name:
            case "range":
                return sum(map(self.most, args))
            case "product":
                repeat = [self.most(k.value) for k in keywords if k.arg == "repeat"]
                return float(math.prod(given) ** max(repeat, default=1.0))
            case "combinations":
                return float(
                    (given or [USUAL])[0] ** self.most(args[1] if args[1:] else keywords[0].value)
                )
            case (
                "enumerate"
                | "filter"
                | "map"
                | "zip"
                | "sorted"
                | "reversed"
                | "list"
                | "tuple"
                | "set"
                | "pairwise"
            ):
                return max(given, default=0.0)
            case "chain":
                return sum(given)
            case _:
                return USUAL

    def _judged(self, name: str, judge: Callable[[ast.expr], float], again: float) -> list[float]:
        """What a judgement says of all that a name is ever bound to, ``again`` of itself."""
        if name in self._resolving:
            return [again]
        self._resolving.add(name)
        found = [judge(source) for source in self.sources.get(name, [])]
        self._resolving.discard(name)
        return found
