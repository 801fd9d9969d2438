"""What the names of a program are bound to."""

from __future__ import annotations

import ast
from collections.abc import Iterator

USUAL = 50.0
"""Elements that a list of images or activations counts as."""
Binding = tuple[str, ast.expr, bool]
"""A name, the expression its value comes from, and whether that is added to what it is already. An
expression that only holds the value stands there starred."""


def words(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


_GATHERERS = words("add append appendleft extend insert setdefault update")
_UNKNOWN = ast.Name(id="", ctx=ast.Load(), lineno=0, col_offset=0)
"""What a parameter is bound to."""


def bindings(node: ast.AST) -> Iterator[Binding]:
    """What a node itself binds, its children left out."""
    match node:
        case ast.Assign(targets=targets, value=value):
            yield from _assigned(targets[0], value)
            for target in targets[1:]:
                # One object under several names.
                same = targets[0] if isinstance(targets[0], ast.Name) else value
                yield from _assigned(target, same)
        case ast.AugAssign(target=target, value=value):
            yield root(target), value, True
        case ast.For(target=target, iter=over) | ast.comprehension(target=target, iter=over):
            yield from _iterated(target, over)
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr=method) as func, args=args)):
            if method in _GATHERERS:
                for argument in args:
                    yield root(func), argument, True
        case ast.arg(arg=name) | ast.ExceptHandler(name=str(name)):
            yield name, _UNKNOWN, False
        case _:
            return


def _assigned(target: ast.expr, value: ast.expr) -> Iterator[Binding]:
    match target, value:
        case ast.Name(id=name), _:
            yield name, value, False
        case ast.Tuple(elts=[*targets]), ast.Tuple(elts=[*values]) if len(targets) == len(values):
            for inner, given in zip(targets, values, strict=True):
                yield from _assigned(inner, given)
        case ast.Tuple(elts=targets) | ast.List(elts=targets), ast.Attribute(attr="size"):
            for inner in targets:
                yield from _assigned(inner, value)
        case ast.Tuple(elts=targets) | ast.List(elts=targets), _:
            for inner in targets:
                yield from _assigned(inner, _part(value))
        case ast.Starred(value=inner), _:
            yield from _assigned(inner, _part(value))
        case _:
            yield root(target), value, True


def _iterated(target: ast.expr, over: ast.expr) -> Iterator[Binding]:
    match target, over:
        case _, ast.List(elts=elements) | ast.Tuple(elts=elements):
            for element in elements:
                yield from _assigned(target, element)
        case ast.Name(), ast.Call(func=ast.Name(id="range")):
            yield from _assigned(target, over)
        case ast.Tuple(elts=[*targets]), ast.Call(func=ast.Name(id="zip"), args=[*given]) if len(
            targets
        ) == len(given):
            for inner, each in zip(targets, given, strict=True):
                yield from _iterated(inner, each)
        case ast.Tuple(elts=[index, inner]), ast.Call(
            func=ast.Name(id="enumerate"), args=[given, *_]
        ):
            yield from _assigned(index, ast.copy_location(ast.Constant(USUAL), over))
            yield from _iterated(inner, given)
        case _:
            yield from _assigned(target, _part(over))


def _part(whole: ast.expr) -> ast.expr:
    if isinstance(whole, ast.Starred):
        return whole
    return ast.copy_location(ast.Starred(whole, ast.Load()), whole)


def root(node: ast.expr) -> str:
    """The name that ``a[0]``, ``a.method`` or ``a.setdefault(k, [])`` hangs on, or ``""``."""
    while not isinstance(node, ast.Name):
        match node:
            case ast.Subscript(value=inner) | ast.Attribute(value=inner) | ast.Call(func=inner):
                node = inner
            case _:
                return ""
    return node.id


def called(func: ast.expr) -> str:
    """What a called thing is called."""
    return func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
