"""What may run when nobody looks: code made only of parts that are known to do no harm.

Everything here is a list of what is allowed. Whatever is not on it is refused with a reason, so a
new trick is refused because it is new. How large an allowed program's values can become is
:mod:`maia_lab.allowlist.growth`'s question.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from maia_lab.allowlist.bindings import bindings, called, root, words
from maia_lab.allowlist.growth import excesses
from maia_lab.allowlist.quantity import SIZING
from maia_lab.flags import bound, deceives, foreign_names, parsed, visible

LONGEST = 20_000
"""Characters of code read at most."""

_NODES = words(
    "Module Expr Assign AugAssign For If FunctionDef Return Pass Break Continue Assert Raise Try"
    " ExceptHandler Import ImportFrom alias arguments arg keyword Lambda"
    " BoolOp BinOp UnaryOp Compare Call Attribute Subscript Slice Starred Name Constant IfExp"
    " List Tuple Dict Set ListComp SetComp DictComp GeneratorExp comprehension"
    " JoinedStr FormattedValue Load Store And Or Not USub UAdd Invert"
    " Eq NotEq Lt LtE Gt GtE Is IsNot In NotIn"
    " Add Sub Mult Div FloorDiv Mod Pow BitAnd BitOr BitXor"
)
_ERRORS = words(
    "ArithmeticError AssertionError Exception IndexError KeyError LookupError RuntimeError"
    " TypeError ValueError ZeroDivisionError"
)
_BUILTINS = _ERRORS | words(
    "abs all any bool dict divmod enumerate filter float frozenset int isinstance len list map max"
    " min print range repr reversed round set sorted str sum tuple zip"
)
_GIVEN = frozenset({"system", "systems", "tools"})
_TOOLS = words(
    "compare contrast cross dataset_exemplars dataset_labelled dataset_sample describe_images"
    " display edit_images moved side_by_side summarize_images sweep text2image"
)
_MODULES = {
    "math": "ceil cos e exp fabs floor fsum hypot inf isclose isfinite isinf isnan log log10 log1p"
    " log2 nan pi pow sin sqrt tan tanh",
    "statistics": "NormalDist correlation fmean linear_regression mean median median_high"
    " median_low mode pstdev pvariance quantiles stdev variance",
    "itertools": "chain combinations groupby islice pairwise product zip_longest",
    "collections": "Counter OrderedDict defaultdict deque",
    "random": "Random choice choices gauss randint random sample seed shuffle uniform",
    "numpy": "argmax argmin max mean median min percentile quantile std sum var",
}
_EXPORTS = {module: words(names) for module, names in _MODULES.items()}
_MUTATORS = words(
    "add append appendleft clear discard extend insert remove reverse setdefault shuffle sort"
    " update"
)
_METHODS = _MUTATORS | words(
    # lists, dictionaries, sets, counters
    "copy count difference get index intersection issubset issuperset items keys most_common pop"
    " popleft symmetric_difference union values"
    # texts
    " capitalize casefold center endswith find isalpha isdecimal isdigit join ljust lower lstrip"
    " partition removeprefix removesuffix replace rfind rjust rpartition rsplit rstrip split"
    " splitlines startswith strip title upper zfill"
    # numbers and arrays
    " all any argmax argmin cdf max mean min pdf percentile std sum tolist zscore"
    # images: what returns a new one, or looks
    " convert crop getbbox getextrema getpixel histogram resize rotate transpose"
    # units
    " activate call_neuron"
    " choice choices from_iterable gauss randint random sample uniform"
)
_FIELDS = words(
    # an activation, a measurement, a comparison, a unit
    "bases condition conditions control difference effect first gaps high image index layer low map"
    " mask mean model n p percentile ranks sd second share_high source threshold unit value worst"
    # an image, an array, a regression
    " height intercept mode ndim shape size slope width"
)
_REFERENCE = frozenset({"high", "sd", "percentile", "threshold"})
_COPIES = words("len list max min sorted sum tuple")
_PROMPT = re.compile(r"\s*(>>>|\.\.\. |In \[)")


def refusals(code: str) -> tuple[str, ...]:
    """Why the policy ``safe`` does not let code run by itself, each reason with its line.

    Returns:
        Empty if every part of the code is on the list.

    Example:
        >>> refusals("import os")
        ('line 1: import of os',)
    """
    if len(code) > LONGEST:
        return (f"{len(code)} characters, more than {LONGEST}",)
    found = list(_text(code))
    tree = parsed(code)
    if tree is None:
        return (*found, "it does not parse as Python")
    try:
        found += _Reader(tree).read()
        found += [] if found else excesses(tree)
    except RecursionError:
        return (*found, "it is nested too deeply")
    return tuple(dict.fromkeys(found))


def _text(code: str) -> Iterator[str]:
    """What may not stand in the text, whatever it means."""
    for number, line in enumerate(code.replace("\r\n", "\n").split("\n"), 1):
        if any(deceives(character) for character in line):
            yield f"line {number}: invisible characters"
        # IPython strips prompts before Python sees the text: what runs would not be what was read.
        if _PROMPT.match(line):
            yield f"line {number}: an interpreter's prompt"
    for name, number in foreign_names(code):
        yield f"line {number}: the name {visible(name)!r}"


class _Reader:
    """Reads one program against the list."""

    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree
        self._parents = {c: p for p in ast.walk(tree) for c in ast.iter_child_nodes(p)}
        self._bound = [(name, node) for node in ast.walk(tree) for name in bound(node)]
        self._modules: dict[str, str] = {}
        self._functions: dict[str, ast.AST] = {}
        for node in ast.walk(tree):
            match node:
                case ast.Import(names=names):
                    self._modules |= {a.asname or a.name: a.name for a in names}
                case (
                    ast.FunctionDef(name=name)
                    | ast.Assign(targets=[ast.Name(id=name)], value=ast.Lambda())
                ):
                    self._functions[name] = node
                case _:
                    pass
        self._names = {name for name, _ in self._bound} | _BUILTINS | _GIVEN
        self._imported = {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }

    def read(self) -> Iterator[str]:
        """Every reason against it."""
        for name, node in self._bound:
            reason = self._binding(name)
            if reason:
                yield f"line {getattr(node, 'lineno', 0)}: {reason}"
        for node in ast.walk(self._tree):
            reason = self._node(node)
            if reason:
                line = getattr(node, "lineno", None) or getattr(
                    self._parents.get(node), "lineno", 0
                )
                yield f"line {line}: {reason}"

    def _binding(self, name: str) -> str:
        if name in _BUILTINS | _GIVEN:
            return f"rebinding of {name}"
        if name.startswith("_") and name != "_":
            return f"the name {name!r}"
        fixed = name in self._functions or name in self._modules or name in self._imported
        if fixed and sum(other == name for other, _ in self._bound) > 1:
            return f"two meanings of {name}"
        return ""

    def _node(self, node: ast.AST) -> str:
        """The reason against one node, its children left out; empty if there is none."""
        if type(node).__name__ not in _NODES:
            return type(node).__name__
        match node:
            case ast.Import(names=names):
                unknown = [alias.name for alias in names if alias.name not in _EXPORTS]
                return f"import of {', '.join(unknown)}" if unknown else ""
            case ast.ImportFrom(module=module, names=names, level=level):
                known = _EXPORTS.get(module or "", frozenset()) if not level else frozenset()
                unknown = [alias.name for alias in names if alias.name not in known]
                if unknown:
                    return f"import of {', '.join(unknown)} from {module}"
                renamed = [a.name for a in names if a.asname not in (None, a.name)]
                return f"another name for {renamed[0]}" if renamed else ""
            case ast.FunctionDef(decorator_list=[_, *_]):
                return "a decorator"
            case ast.FunctionDef(name=name, args=given):
                own = {a.arg for a in ast.walk(given) if isinstance(a, ast.arg)}
                made = (b for n in ast.walk(node) for b in bindings(n))
                adds = any(gathers and bound in own for bound, _, gathers in made)
                return f"{name}, which adds to what it is given" if adds else ""
            case ast.Name(id=name, ctx=ast.Load()):
                return self._name(node, name)
            case ast.Attribute():
                return self._attribute(node)
            case ast.Call():
                return self._call(node)
            case ast.Subscript(value=value, slice=slice_, ctx=ctx):
                if isinstance(ctx, ast.Store) and not _owned(value):
                    return "assignment into something not made here"
                inserts = any(
                    isinstance(n, ast.Constant) and n.value in (None, ...)
                    for n in ([slice_] if not isinstance(slice_, ast.Tuple) else slice_.elts)
                )
                return "a new axis" if inserts else ""
            case ast.ExceptHandler(type=kind):
                names_ = kind.elts if isinstance(kind, ast.Tuple) else [kind]
                known_ = (isinstance(n, ast.Name) and n.id in _ERRORS for n in names_)
                return "" if all(known_) else "catching more than plain errors"
            case ast.comprehension(is_async=1):
                return "async"
            case ast.Constant(value=bytes() | complex()):
                return "bytes or a complex number"
            case _:
                return ""

    def _name(self, node: ast.Name, name: str) -> str:
        parent = self._parents[node]
        calls = isinstance(parent, ast.Call) and parent.func is node
        if name not in self._names:
            return f"{name}, which is not defined in this cell"
        if name in SIZING and not calls:
            return f"{name} passed on"
        if name == "tools" and not isinstance(parent, ast.Attribute):
            return "tools passed on"
        if name == "system" and not isinstance(parent, ast.Attribute):
            given = isinstance(parent, ast.Call) and _is_tool(parent)
            return "" if given else "system passed on"
        if name == "systems":
            read = isinstance(parent, ast.Attribute) and parent.attr in ("items", "keys", "values")
            read |= isinstance(parent, ast.Subscript) and isinstance(parent.ctx, ast.Load)
            return "" if read else "systems passed on"
        if name in self._modules and not isinstance(parent, ast.Attribute):
            return f"the module {name} passed on"
        return ""

    def _attribute(self, node: ast.Attribute) -> str:
        name, parent = node.attr, self._parents[node]
        calls = isinstance(parent, ast.Call) and parent.func is node
        if not isinstance(node.ctx, ast.Load):
            return f"assignment to .{name}"
        if isinstance(node.value, ast.Name):
            if node.value.id == "tools":
                return "" if calls and name in _TOOLS else f"tools.{name}"
            module = self._modules.get(node.value.id)
            if module is not None:
                known = name in _EXPORTS.get(module, ()) and (calls or name not in SIZING)
                return "" if known else f"{module}.{name}"
        if name == "reference":
            return "" if self._figure(parent) else "the unit's reference itself"
        if name in _MUTATORS and calls and not self._stands_alone(parent):
            return f".{name}() inside an expression"
        if name in _MUTATORS and root(node) in self._functions:
            return f".{name}() of what a function returned"
        if name == "values" and not calls:
            figure = isinstance(node.value, ast.Attribute) and node.value.attr == "reference"
            return "" if figure or _owned(node.value) else ".values"
        if calls:
            return "" if name in _METHODS else f".{name}()"
        return "" if name in _FIELDS else f".{name}"

    def _figure(self, node: ast.AST) -> bool:
        """Whether ``system.reference`` is only read; all steps share its array."""
        if not isinstance(node, ast.Attribute):
            return False
        call = self._parents[node]
        copied = isinstance(call, ast.Call) and node in call.args and called(call.func) in _COPIES
        return node.attr in _REFERENCE or (node.attr == "values" and copied)

    def _call(self, node: ast.Call) -> str:
        if any(keyword.arg is None for keyword in node.keywords):
            return "**arguments"
        given = [k.value for k in node.keywords if k.arg in ("key", "reduce")]
        given += node.args[:1] if called(node.func) in ("filter", "map") else []
        if not all(map(self._plain, given)):
            return f"{called(node.func)} with a function that is not plain"
        match node.func:
            case ast.Attribute(attr="rotate"):
                grows = len(node.args) > 2 or any(k.arg == "expand" for k in node.keywords)
                return "a rotation that may make an image larger" if grows else ""
            case ast.Attribute():
                return ""
            case ast.Name(id="print"):
                odd = [k.arg for k in node.keywords if k.arg not in ("sep", "end")]
                return f"print with {odd[0]}" if odd else ""
            case ast.Name(id=name) if name in self._functions:
                return self._call_of_own(node, name)
            case ast.Name(id=name) if name in _BUILTINS or name in self._imported:
                return ""
            case ast.Name(id=name):
                return f"a call of {name}"
            case _:
                return "a call of something computed"

    def _plain(self, function: ast.expr) -> bool:
        """Whether it can be told which function it is, or that it is none."""
        if isinstance(function, ast.Name):
            known = {*self._functions, *self._imported} | _BUILTINS
            return function.id in known
        return isinstance(function, ast.Lambda | ast.Constant | ast.Attribute)

    def _call_of_own(self, node: ast.Call, name: str) -> str:
        function = self._functions[name]
        above: ast.AST | None = node
        while above is not None:
            if above is function:
                return f"{name} calling itself"
            above = self._parents.get(above)
        first = getattr(function, "lineno", 0)
        return "" if first < node.lineno else f"a call of {name} before it is defined"

    def _stands_alone(self, call: ast.AST) -> bool:
        """Whether a call is a statement, or inside one: ``d.setdefault(k, []).append(v)``."""
        parent = self._parents[call]
        if isinstance(parent, ast.Attribute):
            return self._stands_alone(self._parents[parent])
        return isinstance(parent, ast.Expr)


def _owned(node: ast.expr) -> bool:
    """Whether a value hangs on a plain name: ``rows``, ``rows[0]``."""
    while isinstance(node, ast.Subscript):
        node = node.value
    return isinstance(node, ast.Name)


def _is_tool(call: ast.Call) -> bool:
    func = call.func
    return (
        isinstance(func, ast.Attribute)
        and isinstance(func.value, ast.Name)
        and func.value.id == "tools"
    )
