"""``maia config``: what holds where a command does not say, and where that comes from."""

from __future__ import annotations

import argparse
import sys

from maia_lab import config
from maia_lab.cli.terms import CONCLUDED, Commands, command, say


def add(commands: Commands) -> None:
    """Say how the commands are called."""
    parser = command(commands, "config", "show or set what holds where a command does not say")
    parser.set_defaults(run=_show)
    what = parser.add_subparsers(title="changes", metavar="CHANGE")
    put = command(what, "set", "write a value into your file")
    put.add_argument("key", help=", ".join(config.KEYS))
    put.add_argument("value")
    put.set_defaults(run=_set)
    drop = command(what, "unset", "take a key out of your file")
    drop.add_argument("key")
    drop.set_defaults(run=_unset)


def _show(options: argparse.Namespace) -> int:
    del options
    sys.stdout.write(config.show() + "\n")
    return CONCLUDED


def _set(options: argparse.Namespace) -> int:
    say(config.put(options.key, options.value))
    return CONCLUDED


def _unset(options: argparse.Namespace) -> int:
    say(config.drop(options.key))
    return CONCLUDED
