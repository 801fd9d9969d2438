"""How large a program's values can become, read off its text.

Sizes must be plainly small, no loop may make something grow out of itself, and nothing may take
more work than an experiment needs. Meant for programs made of the parts that
:mod:`maia_lab.allowlist` knows: no ``while``, no recursion, no assignment inside an expression.
"""

from __future__ import annotations

import ast
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from maia_lab.allowlist.bindings import USUAL, bindings, called, words
from maia_lab.allowlist.quantity import Quantities

LARGEST = 1e7
"""Elements, characters or digits of one value."""
WORK = 1e7
"""Calls made, and rounds of loops."""
_FRESH = words(
    "compare contrast cross dataset_exemplars dataset_labelled dataset_sample describe_images len"
    " moved side_by_side summarize_images sweep text2image"
)
"""Calls whose result holds nothing of what they were given."""
_PASSING = (ast.Name, ast.IfExp, ast.BoolOp, ast.Subscript, ast.List, ast.Tuple, ast.Dict)
"""Expressions whose value may be, or hold, the very object that they read."""
_RETURNED = "return"
"""Stands for what a function returns, which no name can."""


def excesses(tree: ast.Module) -> tuple[str, ...]:
    """What could grow, or go on, without a plain limit: each reason with its line."""
    return tuple(dict.fromkeys(_Growth(tree).read()))


class _Growth:
    """Reads one program."""

    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree
        self._known = Quantities(tree)
        self._functions: dict[str, ast.FunctionDef | ast.Lambda] = {}
        self._efforts: dict[ast.AST, float] = {}
        for node in ast.walk(tree):
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
            if reason := self._known.oversized(node):
                yield f"line {getattr(node, 'lineno', 0)}: {reason}"
            if isinstance(node, ast.For | ast.FunctionDef):
                yield from self._carried(node)
        for statement in self._tree.body:
            if self._work(statement) > WORK:
                yield f"line {statement.lineno}: more than ten million calls or rounds"
        yield from self._sizes(self._tree.body, {}, 1.0)

    # Values that are made out of others.

    def _reads(self, node: ast.expr) -> Counter[str]:
        """How often each name can be found in a value; under ``""``, how much is spelled out."""
        if self._known.real(node):
            return Counter({"": 1})
        match node:
            case ast.Constant(value=value):
                return Counter({"": len(value) if isinstance(value, str) else 1})
            case ast.Compare() | ast.Lambda():
                return Counter({"": 1})
            case ast.Name(id=name):
                return Counter({name: 1})
            case ast.IfExp(body=body, orelse=orelse):
                return self._reads(body) | self._reads(orelse)
            case ast.BoolOp(values=values):
                return _largest(map(self._reads, values))
            case ast.BinOp(left=left, op=ast.Mult(), right=right) if not self._known.number(node):
                times = min(self._known.most(left), self._known.most(right))
                return _times(self._reads(left) + self._reads(right), times)
            case ast.BinOp(left=left, op=ast.Pow()):
                return _times(self._reads(left), 4)
            case ast.Subscript(value=value):
                return self._reads(value)
            case (
                ast.ListComp(elt=elt, generators=loops)
                | ast.SetComp(elt=elt, generators=loops)
                | ast.GeneratorExp(elt=elt, generators=loops)
            ):
                return self._comprehended(self._reads(elt), loops)
            case ast.DictComp(key=key, value=value, generators=loops):
                return self._comprehended(self._reads(key) + self._reads(value), loops)
            case ast.Call():
                return self._returned(node)
            case _:
                parts = (c for c in ast.iter_child_nodes(node) if isinstance(c, ast.expr))
                return _sum(map(self._reads, parts))

    def _comprehended(
        self, found: Counter[str], loops: Sequence[ast.comprehension]
    ) -> Counter[str]:
        for loop in reversed(loops):
            own = {n.id for n in ast.walk(loop.target) if isinstance(n, ast.Name)}
            through = sum(found.pop(name, 0) for name in own)
            # Elements are met once each, so that together they are as much as what holds them.
            found = _times(found, self._known.rounds(loop.iter)) + _times(
                self._reads(loop.iter), through
            )
        return found

    def _returned(self, call: ast.Call) -> Counter[str]:
        name, given = called(call.func), [*call.args, *(k.value for k in call.keywords)]
        if name == "range":
            return Counter({"": int(min(self._known.rounds(call), LARGEST))})
        if name in _FRESH and name not in self._functions:
            return Counter({"": int(USUAL)})
        owner = [call.func.value] if isinstance(call.func, ast.Attribute) else []
        if name in ("max", "min") and len(given) > 1:
            return _largest(map(self._reads, given))
        total = _sum(map(self._reads, [*owner, *given]))
        match name:
            case "join" | "replace":
                part = self._reads([*owner, *given][0 if name == "join" else -1])
                return _times(total, 1 + part[""] if part.keys() == {""} else USUAL)
            case "product" | "combinations":
                return _times(total, self._known.rounds(call))
            case "edit_images":
                return _times(total, 2)
            case "map":
                made = [self._multiplied(function) for function in self._passed(call)]
                return _times(total, self._known.rounds(call) * max(made, default=1.0))
            case _ if name in self._functions:
                return _times(total, self._multiplied(self._functions[name]))
            case _:
                return total

    def _passed(self, call: ast.Call) -> list[ast.FunctionDef | ast.Lambda]:
        """The functions that a call is given, to call them for every element."""
        given = [*call.args, *(k.value for k in call.keywords)]
        named = [n.id for n in given if isinstance(n, ast.Name)]
        own = [self._functions[name] for name in named if name in self._functions]
        return own + [n for n in given if isinstance(n, ast.Lambda)]

    def _multiplied(self, function: ast.FunctionDef | ast.Lambda) -> float:
        """How much larger a function can make what it is given."""
        if isinstance(function, ast.Lambda):
            return max(1.0, self._reads(function.body).total())
        sizes = {a.arg: 1.0 for a in ast.walk(function.args) if isinstance(a, ast.arg)}
        for _ in self._sizes(function.body, sizes, 1.0):
            return LARGEST
        return max(1.0, sizes.get(_RETURNED, 1.0), *sizes.values())

    def _carried(self, region: ast.For | ast.FunctionDef) -> Iterator[str]:
        """Names that a loop, or a function that a loop may call, makes grow out of themselves."""
        graph: dict[str, set[str]] = {}
        over = set(self._reads(region.iter)) if isinstance(region, ast.For) else set()
        for node in (n for s in region.body for n in ast.walk(s)):
            if isinstance(node, ast.comprehension):
                continue
            for name, source, gathers in bindings(node):
                read = self._reads(source)
                own = read.pop(name, 0)
                end = region.end_lineno or 0
                if own == 1 and isinstance(node, ast.Assign) and _counts(source, name):
                    continue
                same = self._aliases(name) if gathers else set()
                if (
                    own > 1
                    or (gathers and (own or self._holds(source, name, end)))
                    or same & read.keys()
                ):
                    yield f"line {source.lineno}: {name}, which grows out of itself"
                if over & same:
                    yield f"line {source.lineno}: {name}, which grows while it is gone through"
                graph.setdefault(name, set()).update(read)
        for name in graph:
            if name in _reached(graph, graph[name]):
                yield f"line {region.lineno}: {name}, which grows out of itself"

    def _holds(self, source: ast.expr, name: str, end: int) -> bool:
        """Whether a value may hold, by any way up to line ``end``, the list that ``name`` is."""
        graph = {
            bound: {read for s in sources if s.lineno <= end for read in self._reads(s)}
            for bound, sources in self._known.sources.items()
            if bound != name
        }
        return name in _reached(graph, self._reads(source))

    def _aliases(self, name: str) -> set[str]:
        """The name, and all that may name the same list, or one that it holds."""
        graph: dict[str, set[str]] = {}
        for node in ast.walk(self._tree):
            for bound, source, gathers in (
                bindings(node) if isinstance(node, ast.Assign | ast.For) else ()
            ):
                if isinstance(source, _PASSING) and not gathers:
                    for read in self._reads(source):
                        graph.setdefault(bound, set()).add(read)
                        graph.setdefault(read, set()).add(bound)
        return {name} | _reached(graph, graph.get(name, set()))

    def _sizes(
        self, body: Sequence[ast.stmt], sizes: dict[str, float], times: float
    ) -> Iterator[str]:
        """Follow how large every name becomes, line after line; ``sizes`` is filled."""
        for statement in body:
            if isinstance(statement, ast.FunctionDef):
                continue
            again = self._known.rounds(statement.iter) if isinstance(statement, ast.For) else 1.0
            for name, source, gathers in _own_bindings(statement):
                size = sum(n * sizes.get(r, 1.0) for r, n in self._reads(source).items())
                before = sizes.get(name, 1.0) if gathers else 0.0
                size = before + size * (times if gathers else 1.0)
                if size > LARGEST:
                    yield f"line {statement.lineno}: a value of more than ten million parts"
                if name:
                    sizes[name] = size
            for part in _blocks(statement):
                yield from self._sizes(part, sizes, times * again)

    def _work(self, node: ast.AST) -> float:
        """How many calls and rounds a part of the program takes."""
        match node:
            case ast.FunctionDef() | ast.Lambda():
                return 0.0
            case ast.For(iter=over, body=body, orelse=orelse):
                once = sum(map(self._work, [over, *orelse]))
                return once + self._known.rounds(over) * (1.0 + sum(map(self._work, body)))
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                rounds = math.prod(self._known.rounds(loop.iter) for loop in node.generators)
                return rounds * (1.0 + sum(map(self._work, ast.iter_child_nodes(node))))
            case ast.Call(func=func, args=args, keywords=keywords):
                rounds = max([self._known.rounds(argument) for argument in args] or [USUAL])
                passed = rounds * sum(map(self._effort, self._passed(node)))
                function = self._functions.get(called(func))
                own = 1.0 if function is None else self._effort(function)
                return own + passed + sum(map(self._work, [func, *args, *keywords]))
            case _:
                return sum(map(self._work, ast.iter_child_nodes(node)))

    def _effort(self, function: ast.FunctionDef | ast.Lambda) -> float:
        """What one call of a function takes."""
        if function not in self._efforts:
            body = function.body if isinstance(function.body, list) else [function.body]
            self._efforts[function] = 1.0 + sum(map(self._work, body))
        return self._efforts[function]


def _own_bindings(statement: ast.stmt) -> list[tuple[str, ast.expr, bool]]:
    """What a statement binds, and what it only works out, its blocks left out."""
    if isinstance(statement, ast.Return) and statement.value is not None:
        return [(_RETURNED, statement.value, False)]
    found = list(bindings(statement))
    bare = [c for c in ast.iter_child_nodes(statement) if isinstance(c, ast.expr)]
    return found or [("", value, False) for value in bare]


def _blocks(statement: ast.stmt) -> list[list[ast.stmt]]:
    blocks = [getattr(statement, name, []) for name in ("body", "orelse", "finalbody")]
    return blocks + [handler.body for handler in getattr(statement, "handlers", [])]


def _counts(source: ast.expr, name: str) -> bool:
    """Whether it is one element of ``name`` with something added: ``seen.get(word, 0) + 1``."""
    match source:
        case ast.BinOp(left=ast.Subscript(value=ast.Name(id=of), slice=key), op=ast.Add()):
            return of == name and not isinstance(key, ast.Slice)
        case ast.BinOp(left=ast.Call(func=ast.Attribute(value=ast.Name(id=of), attr="get"))):
            return of == name and isinstance(source.op, ast.Add)
        case _:
            return False


def _reached(graph: Mapping[str, Iterable[str]], start: Iterable[str]) -> set[str]:
    """Everything that can be come to from ``start``, itself included."""
    seen: set[str] = set()
    open_ = list(start)
    while open_:
        name = open_.pop()
        if name and name not in seen:
            seen.add(name)
            open_ += graph.get(name, ())
    return seen


def _times(found: Counter[str], factor: float) -> Counter[str]:
    return Counter({name: math.ceil(n * min(factor, LARGEST)) for name, n in found.items()})


def _sum(counters: Iterable[Counter[str]]) -> Counter[str]:
    total = Counter({"": 1})
    for counter in counters:
        total.update(counter)
    return total


def _largest(counters: Iterable[Counter[str]]) -> Counter[str]:
    largest: Counter[str] = Counter()
    for counter in counters:
        largest |= counter
    return largest
