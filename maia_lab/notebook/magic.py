"""``%maia`` and ``%%maia``: what a researcher can say in a cell."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, cast

from IPython.core.completer import (
    CompletionContext,
    SimpleCompletion,
    SimpleMatcherResult,
    context_matcher,
)
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_cell_magic, magics_class

from maia_lab import places
from maia_lab.config import KEYS
from maia_lab.errors import MaiaError
from maia_lab.events import LIMITS
from maia_lab.names import nearest
from maia_lab.notebook.commands import Commands
from maia_lab.notebook.kernel import Notebook
from maia_lab.scoring.rating import COUNT
from maia_lab.unit import Unit


class _Help(Exception):
    """The text that was asked for."""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, and never ends the kernel."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}. See %{self.prog} --help")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if isinstance(action, argparse._SubParsersAction) and value not in action.choices:
            self.error(
                f"{value!r} is no command; the nearest are {nearest(value, action.choices, 3)}"
            )
        super()._check_value(action, value)

    def print_help(self, file: Any = None) -> NoReturn:  # noqa: ARG002  # A notebook has no file.
        raise _Help(self.format_help())


def parser() -> argparse.ArgumentParser:
    """Everything that can follow ``%maia``."""
    top = _Parser(
        prog="maia",
        add_help=True,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Find out what a vision network has learned, by experiments you approve.",
        epilog="%%maia try and %%maia ask take a cell's body.\n%maia COMMAND --help says more.",
    )
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def add(name: str, help: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=help, description=help)

    describe = add("describe", "find out what makes a unit active")
    _opening(describe)
    ask = add("ask", "put the question in the cell's body to a unit")
    _opening(ask)
    compare = add("compare", "find out where units answer alike, and where not")
    _opening(compare, task="compare")
    compare.add_argument("beside", nargs="+", metavar="unit", help="further ones")
    bias = add("bias", "find the contexts in which a class is missed")
    _opening(bias, task="bias")
    bias.add_argument(
        "--shows", dest="question", metavar="WORDS", help="what its images show, in quotes"
    )
    spurious = add("spurious", "refit a classifier on the units that answer to its classes")
    _opening(spurious, task="spurious", unit="model", help="a classifier: a name, or a variable")
    spurious.add_argument("--layer", required=True, help="whose units its head reads, or could")
    spurious.add_argument(
        "--balanced", metavar="FOLDER", help="images to test on: each class on any background"
    )
    tried = add("try", "run the cell's body as an experiment of your own, which the agent reads")
    tried.add_argument("words", nargs="?", default="", help="what it tests")

    approve = add("approve", "approve the open proposal, or accept the scored conclusion")
    approve.add_argument("note", nargs="*", help="told to the agent")
    reject = add("reject", "send the open proposal back")
    reject.add_argument("reason", nargs="+", help="told to the agent")
    add("accept", "let the scored conclusion stand")
    not_yet = add("not-yet", "send the scored conclusion back")
    not_yet.add_argument("reason", nargs="+", help="what to test first")
    note = add("note", "speak to the agent without deciding anything")
    note.add_argument("text", nargs="+")
    hypothesis = add("hypothesis", "add, pin or strike a hypothesis")
    hypothesis.add_argument("action", choices=["add", "pin", "strike"])
    hypothesis.add_argument("text", nargs="+", help="the claim, or a hypothesis's id")

    add("status", "say where everything stands, and bring back the open proposal")
    add("pause", "leave the session as it is")
    stop = add("stop", "end the session without a conclusion")
    stop.add_argument("reason", nargs="*")
    resume = add("resume", "go on with a session")
    resume.add_argument("session", nargs="?", help="its name; else this notebook's")
    auto = add("auto", "let the next experiments run by themselves")
    auto.add_argument("count", type=int, help="how many; 0 turns it off")
    policy = add("policy", "say who decides from now on")
    policy.add_argument("policy", nargs="?", choices=["ask", "safe", "auto"])
    budget = add("budget", "say what is left; or set a limit anew, more or less than before")
    budget.add_argument("limit", nargs="?", choices=[name.removeprefix("max_") for name in LIMITS])
    budget.add_argument("most", nargs="?", type=float, help="in all, from the session's beginning")

    exemplars = add("exemplars", "show the images that activate a unit most")
    exemplars.add_argument("unit", help="model/layer/index; the model may be a variable")
    exemplars.add_argument("--count", type=int, default=15)
    exemplars.add_argument("--stratum", default="top", help="top, bottom, median, or a quantile")
    _data(exemplars)
    units = add("units", "list a model's layers and how many units they have")
    units.add_argument("model", help="a name, or a variable")
    units.add_argument("--preprocess", help="a variable")
    panel = add("panel", "show hypotheses, steps and buttons")
    panel.add_argument("session", nargs="?")
    rate = add("rate", "mark which held-out images a conclusion means, knowing nothing else")
    rate.add_argument("session", nargs="?", help="its name; else this notebook's")
    rate.add_argument("--count", type=int, default=COUNT, help=f"of images (default: {COUNT})")
    rate.add_argument("--seed", type=int, default=0, help="another one, other images")
    rate.add_argument("--rater", metavar="NAME", help="who rates in your place: clip:FOLDER, …")
    report = add("report", "write a session's report, notebook and summary")
    report.add_argument("session", nargs="?", help="its name; else this notebook's")
    report.add_argument("--out", default=".", help="folder (default: here)")
    export = add("export", "write a session as a notebook that runs again without the agent")
    export.add_argument("session", nargs="?", help="its name; else this notebook's")
    export.add_argument("--out", metavar="FILE", help="ending in .ipynb (default), .html or .md")
    replay = add("replay", "tell a session again, a cell a step; nothing of it runs")
    replay.add_argument("session", help="its name, or its folder; demo comes with the package")
    replay.add_argument("--step", type=int, default=0, help="show what was recorded of this one")
    replay.add_argument("--pace", type=float, help="all in this cell, a step in so many seconds")
    replay.add_argument("--all", action="store_true", help="all in this cell, in one go")
    add("sessions", "list all sessions and where they stand")
    manual = add("manual", "print what an experiment may use")
    manual.add_argument("--generator", metavar="NAME", help="also print the words it can draw")
    config = add("config", "show or set what holds where a line does not say")
    config.add_argument("change", nargs="?", choices=["set", "unset"])
    config.add_argument("key", nargs="?", help=", ".join(KEYS))
    config.add_argument("value", nargs="?")
    add("doctor", "say what is installed and what works here")
    return top


def _opening(
    parser: argparse.ArgumentParser,
    task: str = "describe",
    unit: str = "unit",
    help: str = "model/layer/index; the model may be a variable: net/conv1/3",
) -> None:
    parser.set_defaults(task=task)
    parser.add_argument("unit", metavar=unit, help=help)
    parser.add_argument("--agent", help="who experiments (default: see %%maia config)")
    parser.add_argument(
        "--review",
        choices=["ask", "safe", "auto"],
        default="ask",
        help="ask: you decide (default); safe: allow-listed code runs by itself; auto: all does",
    )
    parser.add_argument(
        "--generator",
        metavar="NAME",
        help="scenes, scenes-diffusion, diffusers:MODEL or retrieve:FOLDER",
    )
    parser.add_argument("--editor", metavar="NAME", help="plain, or diffusers:MODEL")
    parser.add_argument("--rater", metavar="NAME", help="clip:FOLDER, claude, or claude:MODEL")
    parser.add_argument("--steps", type=int, help="at most (default: see %%maia config)")
    parser.add_argument("--seconds", type=float, help="of work, at most")
    parser.add_argument("--tokens", type=int, help="of a language model, at most")
    parser.add_argument("--money", type=float, help="US dollars, at most")
    parser.add_argument("--seed", type=int, default=0, help="of every random choice")
    parser.add_argument("--name", help="for the session")
    parser.add_argument("--session", metavar="NAME", help="the session this cell goes back to")
    parser.add_argument("--new", action="store_true", help="begin another session")
    parser.add_argument("--wait", action="store_true", help="work to the end within this cell")
    _data(parser)


def _data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", metavar="FOLDER", help="images to study with: a path or variable")
    parser.add_argument("--preprocess", help="a variable: image → tensor, or (mean, std, size)")
    parser.add_argument("--classes", help="a variable: names of the logits, in order")


@magics_class
class MaiaMagics(Magics):
    """The magic's entry: parses a line, and runs what it names."""

    def __init__(self, shell: InteractiveShell, notebook: Notebook) -> None:
        """Serve one notebook."""
        super().__init__(shell)
        self._parser = parser()
        self._commands = Commands(notebook)

    @line_cell_magic
    def maia(self, line: str, cell: str | None = None) -> None:
        """Replaced by the parser's help, so that ``%maia?`` and ``%maia --help`` agree."""
        try:
            options, more = self._parser.parse_known_args(_words(line) or ["--help"])
            if more:
                if unit := getattr(options, "unit", ""):
                    Unit.parse(" ".join([unit, *more]))  # Perhaps it was written in several words.
                self._parser.error(f"unrecognized arguments: {' '.join(more)}")
            self._commands.run(options, cell)
        except _Help as text:
            sys.stdout.write(str(text))
        except MaiaError as error:
            raise UsageError(str(error)) from None

    maia.__doc__ = parser().format_help()


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line, posix=sys.platform != "win32")
    except ValueError as error:
        raise UsageError(f"{line!r} cannot be read ({error}); close the quotes") from None


def completer(namespace: Mapping[str, Any]) -> Callable[[CompletionContext], SimpleMatcherResult]:
    """Completion of commands, options, models, layers and sessions after ``%maia``."""
    known = parser()

    @context_matcher()  # type: ignore[untyped-decorator]
    def maia(context: CompletionContext) -> SimpleMatcherResult:
        line = context.line_with_cursor[: context.cursor_position].lstrip()
        head, _, rest = line.partition(" ")
        if head.lstrip("%") != "maia" or not head.startswith("%") or not line[len(head) :]:
            return {"completions": []}
        words = rest.split(" ")
        offered = _offers(known, [w for w in words[:-1] if w], words[-1], namespace)
        token = context.token
        # The completer replaces its token, which may begin within our word (after a dash, a slash).
        done = words[-1][: len(words[-1]) - len(token)] if words[-1].endswith(token) else ""
        found = [SimpleCompletion(o[len(done) :]) for o in offered if o.startswith(words[-1])]
        return {"completions": found, "suppress": True}

    return cast(Callable[[CompletionContext], SimpleMatcherResult], maia)


def _offers(
    top: argparse.ArgumentParser, before: list[str], word: str, namespace: Mapping[str, Any]
) -> list[str]:
    commands = next(a for a in top._actions if isinstance(a, argparse._SubParsersAction)).choices
    if not before:
        return [*commands, "--help"]
    if before[0] not in commands:
        return []
    actions = commands[before[0]]._actions
    if word.startswith("-"):
        return [option for action in actions for option in action.option_strings]
    last = next((a for a in actions if before[-1] in a.option_strings), None)
    if last is not None and last.dest == "layer":
        return [layer for name in before[1:] for layer in _layers(namespace.get(name))]
    if last is not None and last.nargs != 0:
        return _values(last, namespace, word)
    found: list[str] = []
    for action in actions:
        if not action.option_strings:
            found += _values(action, namespace, word)
    return found


def _values(action: argparse.Action, namespace: Mapping[str, Any], word: str) -> list[str]:
    if action.choices is not None:
        return [str(choice) for choice in action.choices]
    if action.dest == "session":
        folder = places.sessions()
        return sorted(p.parent.name for p in folder.glob("*/journal.jsonl"))
    if action.dest == "key":
        return list(KEYS)
    if action.dest in ("unit", "beside", "model"):
        return _units(namespace, word, layers="model" not in (action.dest, action.metavar))
    if action.dest in ("data", "balanced", "preprocess", "classes"):
        return [name for name in namespace if not name.startswith("_")]
    return []


def _units(namespace: Mapping[str, Any], word: str, layers: bool) -> list[str]:
    from maia_lab.doors import MODELS

    modules = {n: m for n, m in namespace.items() if hasattr(m, "named_modules")}
    model = word.partition("/")[0]
    if layers and model in modules:
        return [f"{model}/{name}/" for name in _layers(modules[model])]
    return [f"{name}/" if layers else name for name in (*modules, *MODELS)]


def _layers(model: Any) -> list[str]:
    return [name for name, _ in model.named_modules() if name] if model is not None else []
