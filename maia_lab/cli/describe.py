"""``maia describe``, ``ask``, ``compare`` and ``bias``: a session in the terminal."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maia_lab.cli.terms import (
    CONCLUDED,
    FAILED,
    INTERRUPTED,
    UNCONCLUDED,
    CommandError,
    Commands,
    amount,
    command,
    data_option,
    device_options,
    positive,
    progress_bar,
    say,
    writable,
)
from maia_lab.errors import MaiaError

if TYPE_CHECKING:
    from maia_lab.session import Session


DEMO = ("outside", 2)
"""Kind and seed of the classifier that ``maia bias --demo`` looks into."""


def add(commands: Commands) -> None:
    """Say how the commands are called."""
    describe = command(commands, "describe", "find out what makes a unit active")
    describe.add_argument("unit", nargs="?", help="model/layer/index, for example scenes/layer4/12")
    describe.add_argument("--resume", metavar="SESSION", help="go on with a session instead")
    ask = command(commands, "ask", "put a question to a unit, to be answered by experiment")
    ask.add_argument("unit", help="model/layer/index")
    ask.add_argument("question", help="for example: 'does it care about colour or shape?'")
    compare = command(commands, "compare", "find out where units answer alike, or do not")
    compare.add_argument("unit", help="model/layer/index")
    compare.add_argument("beside", nargs="+", metavar="unit", help="further ones")
    bias = command(commands, "bias", "find the contexts in which a class is missed")
    bias.add_argument("unit", nargs="?", help="a class: model/logits/class")
    bias.add_argument(
        "--demo",
        action="store_const",
        const=f"gated/{DEMO[0]}/{DEMO[1]}",
        help="of a classifier whose bias is known; nothing is asked",
    )
    bias.add_argument(
        "--shows", metavar="WORDS", help="what its images show, where the name does not"
    )
    spurious = command(
        commands, "spurious", "refit a classifier on the units that answer to its classes"
    )
    spurious.add_argument("unit", nargs="?", metavar="classifier", help="a model that has a name")
    spurious.add_argument("--layer", help="whose units the head reads, or could")
    spurious.add_argument(
        "--balanced", metavar="FOLDER", help="images to test on: each class on any background"
    )
    spurious.add_argument(
        "--demo", action="store_const", const="planted", help="on drawn things; nothing is asked"
    )
    for parser, begin in (
        (describe, _describe),
        (ask, _ask),
        (compare, _compare),
        (bias, _bias),
        (spurious, _spurious),
    ):
        session_options(parser)
        parser.set_defaults(run=hold, begin=begin)
    bias.set_defaults(run=_bias_or_demo)


def _describe(options: argparse.Namespace, **given: Any) -> Session:
    from maia_lab.start import describe

    return describe(options.unit, **given)


def _ask(options: argparse.Namespace, **given: Any) -> Session:
    from maia_lab.start import ask

    return ask(options.question, options.unit, **given)


def _compare(options: argparse.Namespace, **given: Any) -> Session:
    from maia_lab.start import compare

    return compare(options.unit, *options.beside, **given)


def _bias(options: argparse.Namespace, **given: Any) -> Session:
    from maia_lab.start import bias

    return bias(options.unit, shows=options.shows, **given)


def _spurious(options: argparse.Namespace, **given: Any) -> Session:
    from maia_lab.start import spurious

    layer = options.layer or ("features" if options.demo else None)
    if layer is None:
        raise CommandError(options.unit, "needs a layer", f"see maia units {options.unit}")
    return spurious(options.unit, layer, balanced=options.balanced, **given)


def _bias_or_demo(options: argparse.Namespace) -> int:
    from maia_lab.systems.gated import gate

    if not options.demo:
        return hold(options)
    truth = gate(*DEMO)
    options.shows = truth.subject
    code = hold(options)
    say(f"What nobody in the session was told: {truth}.")
    return code


def session_options(parser: argparse.ArgumentParser) -> None:
    """Add what every session may be told."""
    parser.add_argument("--agent", help="who experiments (default: see maia config)")
    parser.add_argument(
        "--review",
        choices=["ask", "safe", "auto"],
        help="ask: you decide each experiment (default); safe: allow-listed code runs by itself;"
        " auto: everything runs, for a throwaway machine",
    )
    parser.add_argument(
        "--generator",
        metavar="NAME",
        help="what draws images: scenes, scenes-diffusion, retrieve:FOLDER, or"
        " diffusers:MODEL,steps=20 and the like",
    )
    parser.add_argument(
        "--editor", metavar="NAME", help="what edits them: plain, or diffusers:MODEL"
    )
    parser.add_argument(
        "--rater",
        metavar="NAME",
        help="who rates held-out photographs: clip:FOLDER, claude or claude:MODEL",
    )
    parser.add_argument("--steps", type=positive, help="at most (default: see maia config)")
    parser.add_argument("--seconds", type=positive, help="of work, at most")
    parser.add_argument("--tokens", type=positive, help="of a language model, at most")
    parser.add_argument("--money", type=amount, help="US dollars, at most")
    parser.add_argument("--seed", type=int, help="of every random choice (default: 0)")
    parser.add_argument("--session", metavar="NAME", help="a name for the session")
    parser.add_argument("--out", type=Path, help="also write report and notebook to this folder")
    data_option(parser)
    device_options(parser)


def hold(options: argparse.Namespace) -> int:
    """Work the session that ``options.begin`` opens, or the one to be resumed, to its end."""
    from maia_lab.console import Narrator
    from maia_lab.review import Policy
    from maia_lab.sessions import find
    from maia_lab.start import resume

    if demo := getattr(options, "demo", None):
        options.unit, options.agent, options.review = demo, "offline", "auto"
    again = getattr(options, "resume", None)
    if (options.unit is None) == (again is None):
        command = options.begin.__name__.strip("_")
        other = "either a unit or --resume SESSION" if command == "describe" else "a model to study"
        raise CommandError(command, f"needs {other}", f"see maia {command} --help")
    limits = ("steps", "seconds", "tokens", "money")
    fixed = ("data", "generator", "editor", "rater", "agent", "seed", "session", *limits)
    given = {name: value for name in fixed if (value := getattr(options, name)) is not None}
    if again is not None and given:
        raise CommandError(
            f"--{next(iter(given))}",
            "cannot be changed in a session that goes on",
            "leave it out, or start a new session",
        )
    if options.out is not None:
        writable(options.out)
    for name in limits:
        if name in given:
            given[f"max_{name}"] = given.pop(name)
    if again is None:
        given["agent"], remark = _agent(options.agent, options.rater)
    else:
        setting = find(again, readonly=True).opened.setting
        _, remark = _agent(setting.agent, dict(setting.options).get("rater"))
    # What was decided before a resume was seen elsewhere, or long ago: it is told in full.
    reader = Narrator(sys.stdout, live=again is None)
    review: Policy = options.review or "ask"
    with progress_bar() as progress:
        common: dict[str, Any] = {"review": review, "progress": progress}
        common |= {"reader": reader, "listener": reader.overhear}
        if again is not None:
            session = resume(again, **common)
        else:
            session = options.begin(options, **common, **given)
    if review == "ask" and session.journal.folder is not None:
        reader.images = session.journal.folder / "images"
    if remark:
        say(remark)
    if review == "auto":
        say("Review is off: every experiment runs by itself, with your rights.")
    try:
        session.wait()
    except (KeyboardInterrupt, MaiaError) as error:
        if isinstance(error, MaiaError):
            say(f"maia: {error}")
        say(f"Nothing is lost. Go on with: maia describe --resume {again or session.name}")
        return INTERRUPTED if isinstance(error, KeyboardInterrupt) else FAILED
    if options.out is not None:
        for path in session.report(options.out).values():
            say(f"wrote {path}")
    else:
        say(f"For a report and a notebook: maia report {again or session.name}")
    return CONCLUDED if session.conclusion is not None else UNCONCLUDED


def _agent(named: str | None, rater: str | None) -> tuple[str, str]:
    """Who experiments, and what is to be said of it; asks for what is missing if someone sits."""
    from maia_lab import access
    from maia_lab.config import Config

    agent, remark = access.experimenter(Config.read(agent=named))
    return agent, f"{remark} {prepared(agent, rater)}".strip()


def prepared(agent: str, rater: str | None) -> str:
    """Make sure of the server and the key where a model is asked; returns what is to be said."""
    from getpass import getpass

    from maia_lab import access
    from maia_lab.config import Config

    if not access.asked(agent, rater):
        return ""
    here = sys.stdin is not None and sys.stdin.isatty()
    return access.prepare(Config.read().base_url, *((input, getpass) if here else (None, None)))
