"""What a reviewer should look at before saying yes: what code could do, what it could fail to show.

Flags are highlights for the eye and hold nothing back; what runs without a human goes by the list
in :mod:`maia_lab.allowlist`.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
import unicodedata
import warnings
from collections.abc import Iterator, Sequence

from maia_lab.proposal import Conclusion, Proposal
from maia_lab.review import Flag

LONG = 160
"""Characters in a line above which its end may lie outside the window."""

_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Characters that show nothing although Unicode counts them as letters, marks or symbols."""

_MAGIC = re.compile(
    r"\s*(?:[\w.,\s]+=\s*)?(?:!|%{1,2}[A-Za-z])|\s*[?/,;]\w|In \[|>>>|.*\w\?{1,2}\s*$"
)

_MODULES = {
    "network": "aiohttp ftplib http httpx paramiko requests smtplib socket ssl telnetlib urllib"
    " urllib3 websocket websockets xmlrpc",
    "file": "fileinput glob io mmap pathlib pickle shelve shutil sqlite3 tarfile tempfile torch"
    " zipfile",
    "subprocess": "multiprocessing pexpect pty subprocess",
    "environment": "dotenv getpass os platform sys",
    "dynamic code": "builtins cffi code codeop ctypes gc importlib inspect IPython marshal pkgutil"
    " runpy types",
    "thread": "asyncio concurrent signal threading",
}
_CALLS = {
    "file": "open",
    "dynamic code": "__import__ compile eval exec",
    "access by name": "delattr dir getattr globals locals setattr vars",
    "the terminal": "breakpoint exit input quit",
}
_ATTRIBUTES = {
    "network": "create_connection from_pretrained urlopen urlretrieve",
    "file": "fromfile imsave load mkdir open read_bytes read_text rename rmdir rmtree save savefig"
    " savez to_csv to_json tofile unlink write write_bytes write_text",
    "subprocess": "Popen check_call check_output execv fork kill popen spawn system",
    "environment": "environ getenv putenv unsetenv",
    "IPython magics": "get_ipython run_cell run_line_magic run_cell_magic",
}


def _by_word(kinds: dict[str, str]) -> dict[str, str]:
    return {word: kind for kind, words in kinds.items() for word in words.split()}


_MODULE, _CALL, _ATTRIBUTE = _by_word(_MODULES), _by_word(_CALLS), _by_word(_ATTRIBUTES)


def deceives(character: str) -> bool:
    """Whether a character hides, reorders or imitates what stands around it."""
    if character in "\n\t " or " " < character <= "~":
        return False
    return (
        unicodedata.category(character) in ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs")
        or character in _BLANK
        or unicodedata.name(character, "").startswith(("VARIATION SELECTOR", "MONGOLIAN FREE"))
    )


def visible(text: str) -> str:
    r"""Show what could deceive the eye: bidirectional, zero-width and control characters escaped.

    Safe to print on a terminal and to put beside other text; ``\n`` and ``\t`` stay.

    Example:
        >>> visible("a\u202eb")
        'a\\u202eb'
    """
    return "".join(_escaped(c) if deceives(c) else c for c in text.replace("\r\n", "\n"))


def _escaped(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def parsed(code: str) -> ast.Module | None:
    """Read code as Python; None where that is impossible, whatever the reason."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def flags(proposal: Proposal | Conclusion, earlier: Sequence[str] = ()) -> tuple[Flag, ...]:
    """Everything about a proposal that deserves a second look, risks first, in order of lines.

    Args:
        proposal: what is offered.
        earlier: code that has run in this session, so that a control or a counterfactual that has
            been made is not asked for again.

    Returns:
        Each flag once a line.
    """
    if isinstance(proposal, Conclusion):
        found = list(_of_conclusion(proposal, earlier))
    else:
        found = [*_of_text(proposal.code)]
        tree = parsed(proposal.code)
        if tree is None:
            found.append(Flag("risk", "does not parse as Python", _error_line(proposal.code)))
        else:
            found += [*_of_names(tree), *_of_experiment(proposal, tree, earlier)]
    unique = dict.fromkeys(found)
    return tuple(sorted(unique, key=lambda flag: (flag.kind == "method", flag.line)))


def _error_line(code: str) -> int:
    try:
        compile(code, "experiment", "exec", ast.PyCF_ONLY_AST)
    except SyntaxError as error:
        return error.lineno or 0
    except (ValueError, RecursionError, MemoryError):
        return 0
    return 0


def _of_text(code: str) -> Iterator[Flag]:
    """What can be seen without understanding the code."""
    for number, line in enumerate(code.replace("\r\n", "\n").split("\n"), 1):
        hidden = sorted({c for c in line if deceives(c)})
        if hidden:
            names = ", ".join(unicodedata.name(c, "control character").lower() for c in hidden)
            yield Flag("risk", f"invisible characters: {names}", number)
        if len(line) > LONG:
            yield Flag("risk", f"a line of {len(line)} characters: read it to its end", number)
        if _MAGIC.match(line) and parsed(line.strip()) is None and "#" not in line:
            yield Flag("risk", f"IPython magic or shell: {line.strip()[:40]}", number)
    for name, number in foreign_names(code):
        yield Flag("risk", f"the name {visible(name)!r} is not plain ASCII", number)


def foreign_names(code: str) -> Iterator[tuple[str, int]]:
    """Names with letters that may look like others, and their lines; Python itself folds some."""
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type == tokenize.NAME and not token.string.isascii():
                yield token.string, token.start[0]
    except (tokenize.TokenError, SyntaxError, ValueError):
        return


def _of_names(tree: ast.Module) -> Iterator[Flag]:
    """What the names in the code reach."""
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        match node:
            case ast.Import(names=names):
                for alias in names:
                    yield from _of_module(alias.name, line)
            case ast.ImportFrom(module=module):
                yield from _of_module(module or ".", line)
            case ast.Name(id=name, ctx=ast.Load()) if name in _CALL:
                yield Flag("risk", f"{_CALL[name]}: {name}", line)
            case ast.Attribute(attr=name) if name in _ATTRIBUTE:
                yield Flag("risk", f"{_ATTRIBUTE[name]}: .{name}", line)
            case ast.Attribute(attr=name) if name.startswith("_"):
                kind = "a dunder" if name.startswith("__") else "a private"
                yield Flag("risk", f"{kind} attribute: .{name}", line)
            case ast.Name(id=name) if name.startswith("__"):
                yield Flag("risk", f"a dunder name: {name}", line)
            case ast.While():
                yield Flag("risk", "a while loop: does it end?", line)
            case ast.ExceptHandler(type=None | ast.Name(id="BaseException")):
                yield Flag("risk", "catches everything, an interruption too", line)
            case ast.Call(func=ast.Attribute(value=ast.Name(id="tools"), attr="conclude")):
                yield Flag("risk", "tools.conclude belongs to a conclusion", line)
            case (
                ast.Attribute(value=ast.Name(id="system" | "tools" as name), ctx=ast.Store())
                | ast.Subscript(value=ast.Name(id="systems" as name), ctx=ast.Store())
            ):
                yield Flag("risk", f"changes {name}", line)
            case _:
                pass
        for name in sorted({"system", "tools", "systems"} & set(bound(node))):
            yield Flag("risk", f"rebinds {name}", line)


def _of_module(name: str, line: int) -> Iterator[Flag]:
    if kind := _MODULE.get(name.partition(".")[0]):
        yield Flag("risk", f"{kind}: imports {name}", line)


def bound(node: ast.AST) -> list[str]:
    """The names that a node itself binds or unbinds, those of its children left out."""
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            return [name]
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return [(alias.asname or alias.name).partition(".")[0] for alias in names]
        case ast.arg(arg=name):
            return [name]
        case ast.Global(names=names) | ast.Nonlocal(names=names):
            return list(names)
        case (
            ast.ExceptHandler(name=str(name))
            | ast.MatchAs(name=str(name))
            | ast.MatchStar(name=str(name))
            | ast.MatchMapping(rest=str(name))
        ):
            return [name]
        case _:
            return []


def _of_experiment(proposal: Proposal, tree: ast.Module, earlier: Sequence[str]) -> Iterator[Flag]:
    """What the experiment could fail to show."""
    calls = _calls(tree)
    compares = calls.get("compare", [])
    measures = calls.get("call_neuron", []) + calls.get("activate", [])
    if not compares and (proposal.predicts or measures):
        line = measures[0].lineno if measures else 0
        yield Flag("method", "no control: tools.compare is never called", line)
    for call in calls.get("text2image", []):
        if _single_sample(call):
            yield Flag(
                "method", "one image of one prompt is an anecdote: per_prompt=5", call.lineno
            )
    edited = "edit_images" in calls or any("edit_images" in code for code in earlier)
    if proposal.hypotheses and proposal.predicts and not edited:
        yield Flag("method", "no counterfactual yet: no image was edited")
    for call in compares:
        yield from _twice(call)
    for prediction in proposal.predicts:
        for condition in sorted(set(prediction.higher) & set(prediction.lower)):
            yield Flag(
                "method", f"{prediction.hypothesis} predicts {visible(condition)!r} above itself"
            )
    texts: dict[str, str] = {}
    for hypothesis in proposal.hypotheses:
        if texts.setdefault(hypothesis.id, hypothesis.text) != hypothesis.text:
            yield Flag("method", f"{visible(hypothesis.id)} is the name of two claims")
    if compares and (names := _condition_names(tree)) is not None:
        for prediction in proposal.predicts:
            for condition in (*prediction.higher, *prediction.lower):
                if condition not in names:
                    yield Flag(
                        "method",
                        f"{prediction.hypothesis} predicts {visible(condition)!r}, which compare"
                        " does not measure",
                        compares[0].lineno,
                    )


def _twice(call: ast.Call) -> Iterator[Flag]:
    """The same images under two names: their difference is nothing by construction."""
    groups = call.args[0] if call.args else None
    if not isinstance(groups, ast.Dict):
        return
    met: dict[str, int] = {}
    for value in groups.values:
        if isinstance(value, ast.Name):
            met[value.id] = met.get(value.id, 0) + 1
    for name, times in met.items():
        if times > 1:
            yield Flag("method", f"the same images twice: {visible(name)}", call.lineno)


def _of_conclusion(conclusion: Conclusion, earlier: Sequence[str]) -> Iterator[Flag]:
    """What a conclusion leaves open."""
    if not conclusion.evidence and conclusion.labels:
        yield Flag("method", "names no step as evidence")
    if not conclusion.not_tested:
        yield Flag("method", "says nothing of what was not tested")
    if earlier and conclusion.labels and not any("edit_images" in code for code in earlier):
        yield Flag("method", "no counterfactual: no image was ever edited")


def _calls(tree: ast.Module) -> dict[str, list[ast.Call]]:
    """Calls of methods, by the method's name."""
    found: dict[str, list[ast.Call]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            found.setdefault(node.func.attr, []).append(node)
    return found


def _single_sample(call: ast.Call) -> bool:
    """Whether a text2image call plainly draws one image."""
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    prompts = call.args[0] if call.args else keywords.get("prompts")
    samples = call.args[1] if len(call.args) > 1 else keywords.get("per_prompt")
    if isinstance(prompts, ast.List | ast.Tuple) and len(prompts.elts) == 1:
        prompts = prompts.elts[0]
    one = samples is None or (isinstance(samples, ast.Constant) and samples.value == 1)
    return one and isinstance(prompts, ast.Constant | ast.JoinedStr)


def _condition_names(tree: ast.Module) -> set[str] | None:
    """All texts that could name a condition; None where names are put together while running."""
    made = (ast.JoinedStr, ast.BinOp, ast.Call)
    put: set[str] = set()
    keys: list[ast.expr | None] = []
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if isinstance(value, made):
                put.add(name)
            case ast.Dict(keys=given):
                keys += given
            case ast.DictComp(key=key) | ast.Subscript(slice=key, ctx=ast.Store()):
                keys.append(key)
            case _:
                continue
    if any(isinstance(k, made) or (isinstance(k, ast.Name) and k.id in put) for k in keys):
        return None
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    return {text for text in texts if isinstance(text, str)} | {"control"}
