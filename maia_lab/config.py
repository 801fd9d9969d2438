"""What is settled before a session begins: who experiments, through which server, and how far.

A value given with the command counts before one in the environment, that before one in the user's
file, that before the default. Of limits the lowest holds: what the environment sets, as a class
key may, neither file nor command raises.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field

from maia_lab import places
from maia_lab.errors import ConfigError
from maia_lab.journal.disk import write_whole
from maia_lab.names import nearest

Plain = str | int | float | None
GIVEN = "given with the command"
DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Key:
    """One thing that can be settled."""

    says: str
    """What it is, for people."""
    default: Plain
    kind: type[str | int | float] = str
    variables: tuple[str, ...] = ()
    """Of the environment, first one first."""

    @property
    def limit(self) -> bool:
        """Whether it is a number that may only be lowered."""
        return self.kind is not str


KEYS = {
    "agent": Key("who experiments; empty: claude where there is a key, else offline", ""),
    "model": Key("of a language-model agent; empty: the agent's own choice", ""),
    "base_url": Key(
        "the server of the Messages API; empty: the vendor's",
        "",
        variables=("MAIA_BASE_URL", "ANTHROPIC_BASE_URL"),
    ),
    "max_steps": Key("experiments a session, conclusion included", 25, int),
    "max_seconds": Key("of work a session", 1800.0, float),
    "max_tokens": Key("a session, read and written; none: no limit", None, int),
    "max_money": Key("US dollars a session; none: no limit", None, float),
}
TRUSTED = "trusted"
"""In the file only: servers that were confirmed once, beside the vendor's and this machine's."""
_NOT_KEPT = {
    "review": ("is chosen anew for each session", "say --review with the command"),
    "api_key": ("is never stored", "set ANTHROPIC_API_KEY, or type it when you are asked"),
}


@dataclass(frozen=True, slots=True)
class Value:
    """What holds for one key, and why."""

    value: Plain
    source: str
    """Where it comes from: the command, a variable's name, a file, or the default."""
    note: str = ""
    """What else was said about it and does not hold."""

    def __str__(self) -> str:
        """With its source, in a line."""
        shown = "none" if self.value is None else self.value if self.value != "" else "(empty)"
        return f"{shown!s:<24} {self.source}" + (f" ({self.note})" if self.note else "")


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that is settled."""

    agent: str = ""
    model: str = ""
    base_url: str = ""
    max_steps: int = 25
    max_seconds: float = 1800.0
    max_tokens: int | None = None
    max_money: float | None = None
    trusted: tuple[str, ...] = ()
    values: Mapping[str, Value] = field(default_factory=dict, compare=False)
    """Each with its source, by key."""

    @classmethod
    def read(cls, **given: Plain) -> Config:
        """Settle everything now.

        Args:
            given: with the command, by key; None stands for not given.

        Raises:
            ConfigError: a value is none, or exceeds what the environment allows.
        """
        written = _file()
        trusted = written.pop(TRUSTED, [])
        if not isinstance(trusted, list) or not all(isinstance(url, str) for url in trusted):
            raise ConfigError(TRUSTED, f"is no list in {places.config()}", 'write ["https://…"]')
        values = {name: _settle(name, given.get(name), written.get(name)) for name in KEYS}
        settled = {name: value.value for name, value in values.items()}
        return cls(**settled, trusted=tuple(trusted), values=values)  # type: ignore[arg-type]


def put(name: str, text: str) -> str:
    """Write one value into the user's file; returns in words what holds now.

    Raises:
        ConfigError: there is no such key, or this is no value for it.
    """
    _write(name, _checked(name, text, "the value"))
    return f"{name}: {Config.read().values[name]}"


def drop(name: str) -> str:
    """Take a key out of the user's file; returns in words what holds now."""
    _known(name)
    _write(name, None)
    return f"{name}: {Config.read().values[name]}"


def trust(url: str) -> None:
    """Remember that a server was confirmed."""
    _write(TRUSTED, sorted({*Config.read().trusted, url}))


def _settle(name: str, given: Plain, written: object) -> Value:
    key = KEYS[name]
    variables = key.variables or (f"MAIA_{name.upper()}",)
    found = [(os.environ[v], v) for v in variables if os.environ.get(v)]
    said = [(written, str(places.config()))] if written is not None else []
    texts = [*found[:1], *said]
    known = [Value(_checked(name, value, source), source) for value, source in texts]
    if given is not None:
        value = Value(_checked(name, given, GIVEN), GIVEN)
        if key.limit and found and _least([value, known[0]]) is not value:
            raise ConfigError(
                f"{name}={given}",
                f"exceeds the limit of {known[0].value} that the environment sets ({found[0][1]})",
                "leave it out, or ask whoever set the limit",
            )
        return value
    if not known:
        return Value(key.default, DEFAULT)
    kept = _least(known) if key.limit else known[0]
    note = "; ".join(f"{o.source} says {o.value}" for o in known if o is not kept)
    if note and key.limit:
        note += ": of limits the lowest holds"
    return Value(kept.value, kept.source, note)


def _least(values: list[Value]) -> Value:
    return min(values, key=lambda value: float(value.value or 0))


def _checked(name: str, value: object, source: str) -> str | int | float:
    """Make the value out of what was written, or raise."""
    key = _known(name)
    if key.kind is str:
        text = str(value).strip()
        if not isinstance(value, str) or not text.isprintable() or "sk-ant-" in text:
            raise ConfigError(name, f"is no plain text ({source})", "write it in one line")
        return text
    try:
        number: int | float = key.kind(str(value))  # type: ignore[assignment]
        if not 0 < number < float("inf"):
            raise ValueError
    except ValueError:
        kind = "a whole number" if key.kind is int else "a number"
        raise ConfigError(
            f"{name}={value}", f"is not {kind} above zero ({source})", "correct it"
        ) from None
    return number


def _known(name: str) -> Key:
    if name in _NOT_KEPT:
        raise ConfigError(name, *_NOT_KEPT[name])
    if name not in KEYS:
        raise ConfigError(name, "cannot be configured", f"the nearest are {nearest(name, KEYS)}")
    return KEYS[name]


def _file() -> dict[str, object]:
    path = places.config()
    try:
        written: dict[str, object] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(str(path), f"cannot be read ({error})", "correct or remove it") from error
    for name in written:
        if name != TRUSTED:
            _known(name)
    return written


def _write(name: str, value: str | int | float | list[str] | None) -> None:
    """Change one line of the file, and leave its others as they are."""
    path = places.config()
    after = {key: value for key, value in _file().items() if key != name}
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    line = "" if value is None else f"{name} = {json.dumps(value, ensure_ascii=False)}\n"
    rest = re.sub(rf"^[ \t]*{name}[ \t]*=.*\n?", "", text, flags=re.MULTILINE)
    after |= {} if value is None else {name: value}
    try:
        if tomllib.loads(line + rest) != after:
            raise ValueError
    except ValueError:
        raise ConfigError(
            str(path), f"has {name} in a form that is not changed here", "edit it by hand"
        ) from None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path.resolve(), (line + rest).encode())
    except OSError as error:
        raise ConfigError(
            str(path), f"cannot be written ({error.strerror})", "look at its permissions"
        ) from error


def show() -> str:
    """Every key with its value, where that comes from, and what it is."""
    settled = Config.read()
    lines = [f"Your file: {places.config()}", ""]
    for name, value in settled.values.items():
        lines += [f"{name:<12} {value}", f"{'':<12} {KEYS[name].says}"]
    return "\n".join([*lines, *(f"{TRUSTED:<12} {url}" for url in settled.trusted)])
