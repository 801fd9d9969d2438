"""How large a program's values can become, read off its text: sizes that are not plainly small, and
loops that make something grow out of itself.

Meant for programs made of the parts in :mod:`maia_lab.allowlist`: no ``while``, no recursion, no
assignment inside an expression.
"""

from __future__ import annotations

import ast
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence

USUAL = 100.0
"""Elements that a list of images or activations counts as."""
LARGEST = 1e7
"""Elements, characters or digits of one value."""
REPEATED = 1e6
"""Times that one line may run."""
SIDE = 4096.0
"""Pixels along an image's side."""
_SIZES = {"range": 1e5, "resize": SIDE, "crop": SIDE, "ljust": 1e3, "rjust": 1e3, "center": 1e3}
_SIZES |= {"zfill": 1e3, "dataset_sample": 1e3}
"""Calls whose numbers are sizes: all arguments must be plainly small."""
_COUNTS = {"count": 1e3, "per_prompt": 1e2, "k": 1e4, "most": 1e3, "repeat": 4.0, "r": 4.0, "n": 1e3}
"""Keywords that are sizes."""
_SECOND = {"text2image": 1e2, "dataset_exemplars": 1e3, "combinations": 4.0, "sample": 1e4}
"""Calls whose second argument is a size."""
_REAL = frozenset(
    "correlation cos exp fabs float fmean fsum gauss hypot log log10 log1p log2 mean median pstdev"
    " pvariance random sin sqrt stdev std tan tanh uniform variance".split()
)
_FIGURES = frozenset(
    "difference effect high low mean percentile sd share_high threshold value".split()
)
_FRESH = frozenset(
    "compare dataset_exemplars dataset_sample describe_images len summarize_images"
    " text2image".split()
)
"""Calls whose result holds nothing of what they were given."""
_CROSSED = frozenset({"combinations", "join", "product", "replace"})
"""Calls whose result is as large as the product of what they were given."""
_GATHERERS = frozenset("add append appendleft extend insert setdefault update".split())
_WIDE = re.compile(r"\d{4,}")


def excesses(tree: ast.Module) -> tuple[str, ...]:
    """What could grow, or go on, without a plain limit: each reason with its line."""
    return tuple(dict.fromkeys(_Growth(tree).read()))


class _Growth:
    """Reads one program."""

    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree
        self._functions: dict[str, ast.FunctionDef | ast.Lambda] = {}
        self._bindings: dict[str, list[ast.expr]] = {}
        self._resolving: set[str] = set()
        for node in ast.walk(tree):
            for name, source in _bindings(node):
                self._bindings.setdefault(name, []).append(source)
            match node:
                case ast.FunctionDef(name=name):
                    self._functions[name] = node
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Lambda() as function):
                    self._functions[name] = function
                case _:
                    continue

    def read(self) -> Iterator[str]:
        """Every reason against it."""
        for node in ast.walk(self._tree):
            if reason := self._node(node):
                yield f"line {getattr(node, 'lineno', 0)}: {reason}"
            if isinstance(node, ast.For | ast.FunctionDef):
                yield from self._carried(node)
        yield from self._sizes(self._tree.body, {}, 1.0)

    # Sizes that are given as numbers.

    def _node(self, node: ast.AST) -> str:
        match node:
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                return self._product(left, right)
            case ast.AugAssign(target=ast.Name() as left, op=ast.Mult(), value=right):
                return "" if self._real(right) else self._product(left, right)
            case ast.BinOp(left=left, op=ast.Mod()) | ast.AugAssign(target=left, op=ast.Mod()):
                return "" if self._number(left) else "% on what may be a text"
            case ast.BinOp(op=ast.Pow(), right=right) | ast.AugAssign(op=ast.Pow(), value=right):
                return "" if self._most(right) <= 4 else "a power that is not a small number"
            case ast.Call(func=func, args=args, keywords=keywords):
                return self._call(_name(func), args, keywords)
            case ast.FormattedValue(format_spec=ast.JoinedStr(values=parts)):
                return "" if all(map(self._narrow, parts)) else "a format that may be very wide"
            case _:
                return ""

    def _call(self, name: str, args: Sequence[ast.expr], keywords: Sequence[ast.keyword]) -> str:
        sizes = [(k.value, _COUNTS[k.arg]) for k in keywords if k.arg in _COUNTS]
        if name in _SIZES:
            values = [*args, *(k.value for k in keywords if k.arg not in ("seed", "fillchar"))]
            numbers = [n for v in values for n in (v.elts if isinstance(v, ast.Tuple) else [v])]
            sizes += [(n, _SIZES[name]) for n in numbers if not _is_text(n)]
        if name in _SECOND and len(args) > 1:
            sizes.append((args[1], _SECOND[name]))
        if name in _CROSSED | {"range"} and any(isinstance(a, ast.Starred) for a in args):
            return f"{name} of a number of things that is not plain"
        for value, limit in sizes:
            if not self._most(value) <= limit:
                return f"a size for {name} that is not plainly at most {limit:.0f}"
        return ""

    def _product(self, left: ast.expr, right: ast.expr) -> str:
        if self._number(left) and self._number(right):
            return ""
        for times, repeated in ((left, right), (right, left)):
            if isinstance(repeated, ast.List | ast.Tuple | ast.Constant) and self._most(times) <= 1e3:
                return ""
        # A text or a list times a number with a fraction is an error, not a repetition.
        return "" if self._real(left) or self._real(right) else "a product that may be a repetition"

    def _narrow(self, part: ast.expr) -> bool:
        if isinstance(part, ast.FormattedValue):
            return self._most(part.value) <= 1e3
        return isinstance(part, ast.Constant) and not _WIDE.search(str(part.value))

    def _most(self, node: ast.expr) -> float:
        """The largest absolute value of what is plainly a number; infinite where that is not plain."""
        match node:
            case ast.Constant(value=bool() | int() | float() as value):
                return float(abs(value)) if abs(value) < 1e15 else math.inf
            case ast.Name(id=name):
                return max(self._resolved(name, self._most), default=math.inf)
            case ast.UnaryOp(operand=operand):
                return self._most(operand)
            case ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=right):
                return self._most(left) + self._most(right)
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                return self._most(left) * self._most(right)
            case ast.BinOp(left=left, op=ast.Div() | ast.FloorDiv(), right=ast.Constant(value=int(v))):
                return self._most(left) if v else math.inf
            case ast.BinOp(left=left, op=ast.Mod(), right=right):
                return self._most(right) if self._number(left) else math.inf
            case ast.IfExp(body=body, orelse=orelse):
                return max(self._most(body), self._most(orelse))
            case ast.Attribute(attr="width" | "height" | "size") | ast.Subscript(
                value=ast.Attribute(attr="size")
            ):
                return SIDE
            case ast.Call(func=ast.Name(id="len" | "enumerate")):
                return USUAL
            case ast.Call(func=ast.Name(id="int" | "round" | "abs" | "min" | "max" | "range"), args=args):
                inner = [a.elt if isinstance(a, ast.GeneratorExp | ast.ListComp) else a for a in args]
                return max(map(self._most, inner), default=math.inf)
            case _:
                return math.inf

    def _number(self, node: ast.expr) -> bool:
        """Whether a value is plainly a number, or at least nothing that ``*`` would repeat."""
        match node:
            case ast.Name(id=name):
                return all([*self._resolved(name, self._number)] or [False])
            case ast.BinOp(op=ast.Sub() | ast.Pow() | ast.FloorDiv()) | ast.Compare():
                return True
            case ast.BinOp(left=left, op=ast.Add() | ast.Mult() | ast.Mod(), right=right):
                return self._number(left) and self._number(right)
            case ast.UnaryOp(operand=operand):
                return self._number(operand)
            case ast.IfExp(body=body, orelse=orelse):
                return self._number(body) and self._number(orelse)
            case ast.Call(func=ast.Name(id="int" | "round" | "abs" | "len")):
                return True
            case ast.Call(func=ast.Name(id="sum"), args=[ast.GeneratorExp(elt=elt)]):
                return self._number(elt)
            case _:
                return self._real(node) or self._most(node) < math.inf

    def _real(self, node: ast.expr) -> bool:
        """Whether a value is plainly a number with a fraction, which never takes more room."""
        match node:
            case ast.Constant(value=float()) | ast.BinOp(op=ast.Div()):
                return True
            case ast.Name(id=name):
                return all([*self._resolved(name, self._real)] or [False])
            case ast.UnaryOp(operand=operand):
                return self._real(operand)
            case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.Mult(), right=right):
                one = self._real(left) or self._real(right)
                return one and self._number(left) and self._number(right)
            case ast.Attribute(attr=name):
                return name in _FIGURES
            case ast.Call(func=func):
                return _name(func) in _REAL
            case _:
                return False

    def _resolved[T](self, name: str, judge: Callable[[ast.expr], T]) -> Iterator[T]:
        """What a judgement says of everything that a name is ever bound to."""
        if name in self._resolving or len(self._resolving) > 20:
            return
        self._resolving.add(name)
        yield from [judge(source) for source in self._bindings.get(name, [])]
        self._resolving.discard(name)

    # Values that are made out of others.

    def _reads(self, node: ast.expr) -> Counter[str]:
        """How often each name can be found in an expression's value; "" counts what is spelled out."""
        if self._real(node) or isinstance(node, ast.Compare):
            return Counter({"": 1})
        match node:
            case ast.Constant(value=value):
                return Counter({"": len(value) if isinstance(value, str) else 1})
            case ast.Name(id=name):
                return Counter({name: 1})
            case ast.IfExp(body=body, orelse=orelse):
                return self._reads(body) | self._reads(orelse)
            case ast.BoolOp(values=values):
                return _either(map(self._reads, values))
            case ast.BinOp(left=left, op=ast.Mult(), right=right) if not self._number(node):
                times = min(self._most(left), self._most(right))
                return _times(self._reads(left) + self._reads(right), times)
            case ast.Subscript(value=value):
                return self._reads(value)
            case ast.ListComp(generators=loops) | ast.SetComp(generators=loops):
                return self._comprehended(self._reads(node.elt), loops)
            case ast.GeneratorExp(elt=elt, generators=loops):
                return self._comprehended(self._reads(elt), loops)
            case ast.DictComp(key=key, value=value, generators=loops):
                return self._comprehended(self._reads(key) + self._reads(value), loops)
            case ast.Call(func=func, args=args, keywords=keywords):
                return self._returned(_name(func), func, [*args, *(k.value for k in keywords)])
            case _:
                parts = (c for c in ast.iter_child_nodes(node) if isinstance(c, ast.expr))
                return sum(map(self._reads, parts), Counter({"": 1}))

    def _comprehended(self, found: Counter[str], loops: Sequence[ast.comprehension]) -> Counter[str]:
        for loop in reversed(loops):
            own = {n.id for n in ast.walk(loop.target) if isinstance(n, ast.Name)}
            through = sum(found.pop(name, 0) for name in own)
            found = _times(found, self._rounds(loop.iter))
            found += _times(self._reads(loop.iter), through)
        return found

    def _returned(self, name: str, func: ast.expr, given: Sequence[ast.expr]) -> Counter[str]:
        if name in _FRESH:
            return Counter({"": int(USUAL)})
        if name in ("max", "min") and len(given) > 1:
            return _either(map(self._reads, given))
        owner = [func.value] if isinstance(func, ast.Attribute) else []
        found = [self._reads(value) for value in (*owner, *given)]
        if name in _CROSSED:
            factor = math.prod(max(2.0, USUAL * len(reads)) for reads in found[1:])
            return _times(sum(found, Counter()), factor)
        if name == "edit_images":
            return _times(sum(found, Counter()), 2)
        total = sum(found, Counter({"": 1}))
        function = self._functions.get(name)
        return total if function is None else _times(total, self._multiplies(function))

    def _multiplies(self, function: ast.FunctionDef | ast.Lambda) -> float:
        """How much larger a function can make what it is given."""
        if isinstance(function, ast.Lambda):
            return float(max(1, self._reads(function.body).total()))
        sizes = {a.arg: 1.0 for a in ast.walk(function.args) if isinstance(a, ast.arg)}
        for _ in self._sizes(function.body, sizes, 1.0):
            return LARGEST
        return max(1.0, *sizes.values())

    def _carried(self, region: ast.For | ast.FunctionDef) -> Iterator[str]:
        """Names that a loop, or a function that a loop may call, makes grow out of themselves."""
        graph: dict[str, set[str]] = {}
        for node in (n for s in region.body for n in ast.walk(s)):
            for name, source in _bindings(node):
                found = self._reads(source)
                own = found.pop(name, 0)
                gathers = not isinstance(node, ast.Assign | ast.For | ast.comprehension)
                if own > (0 if gathers else 1) or (gathers and self._holds(source, name)):
                    yield f"line {source.lineno}: {name}, which grows out of itself"
                if not isinstance(node, ast.comprehension):
                    graph.setdefault(name, set()).update(found)
        for name in graph:
            if _reaches(graph, graph[name], name):
                yield f"line {region.lineno}: {name}, which grows out of itself"

    def _holds(self, source: ast.expr, name: str) -> bool:
        """Whether a value may hold, by whatever way, the list that ``name`` is."""
        graph = {
            bound: {read for source in sources for read in self._reads(source)}
            for bound, sources in self._bindings.items()
            if bound != name
        }
        return _reaches(graph, set(self._reads(source)), name)

    def _sizes(
        self, body: Sequence[ast.stmt], sizes: dict[str, float], times: float
    ) -> Iterator[str]:
        """Follow how large every name becomes, a line after the other; ``sizes`` is filled."""
        for statement in body:
            rounds = times * self._rounds(statement.iter) if isinstance(statement, ast.For) else times
            deepest = max([self._nested(n) for n in ast.iter_child_nodes(statement)], default=1.0)
            if rounds * deepest > REPEATED:
                yield f"line {statement.lineno}: something that runs more than a million times"
            for node in _own(statement):
                for name, source in _bindings(node):
                    size = sum(n * sizes.get(read, USUAL if read else 1) for read, n in self._reads(source).items())
                    gathers = not isinstance(node, ast.Assign | ast.For)
                    before = sizes.get(name, USUAL) if gathers else 0.0
                    grown = before + (rounds * size if gathers else size)
                    # In a branch or a loop the earlier value may stand.
                    sizes[name] = max(grown, sizes.get(name, 0.0) if times > 1 else 0.0)
                    if sizes[name] > LARGEST:
                        yield f"line {statement.lineno}: {name}, of more than ten million parts"
            for inner in ("body", "orelse", "finalbody"):
                if not isinstance(statement, ast.FunctionDef):
                    yield from self._sizes(getattr(statement, inner, []), sizes, rounds)
            for handler in getattr(statement, "handlers", []):
                yield from self._sizes(handler.body, sizes, rounds)

    def _nested(self, node: ast.AST) -> float: ...

    def _rounds(self, iterated: ast.expr) -> float: ...
