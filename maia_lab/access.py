"""Who is spoken to with the user's key: the vendor, this machine, or a server once confirmed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from ipaddress import ip_address
from urllib.parse import urlsplit

from maia_lab import config, places
from maia_lab.config import GIVEN, Config
from maia_lab.errors import ConfigError
from maia_lab.spending import TABLE, Price

VENDOR = "https://api.anthropic.com"
KEY = "ANTHROPIC_API_KEY"
MODEL, OFFLINE = "claude", "offline"
"""The agent that needs a key, and the one that needs nothing."""
URL = re.compile(r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?(?:/[\w./~-]*)?")
"""Nothing that two readers of an address could read differently: no user, query or backslash."""
NOTHING = "no-key"
"""Sent to a server of this machine where there is no key: those that ask for none ignore it."""


def server(url: str) -> str:
    """The part of an address that says who answers: ``https://host:port``.

    Raises:
        ConfigError: it is no plain address.
    """
    if not URL.fullmatch(url):
        raise ConfigError(url, "is not a server's address", "write it as https://host:port/path")
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.lower()}"


def on_this_machine(url: str) -> bool:
    """Whether a server's address is a loopback one."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def experimenter(settled: Config) -> tuple[str, str]:
    """Who experiments, and a line to be said where that is not who was configured.

    A language model that the command names is taken at its word: it is an error later that it has
    no key. One that is configured, or nobody, makes room for the offline agent.
    """
    named = settled.agent
    if named not in ("", MODEL) or settled.values["agent"].source == GIVEN:
        return named, ""
    url = settled.base_url
    if os.environ.get(KEY) or (url and on_this_machine(server(url))):
        return MODEL, ""
    return OFFLINE, f"No API key ({KEY}): the offline agent experiments."


def asked(agent: str, rater: str | None) -> bool:
    """Whether a language model is asked anything: as the agent, or as the rater."""
    return MODEL in (agent, (rater or "").partition(":")[0])


def priced(settled: Config, agent: str, rater: str | None) -> None:
    """See that a limit of money can be held: by the price of every model that is asked.

    A server on this machine sends no bill.

    Raises:
        ConfigError: the price of one is not known.
    """
    url = settled.base_url
    if settled.max_money is None or (url and on_this_machine(server(url))):
        return
    name, _, judge = (rater or "").partition(":")
    models = [settled.model] * (agent == MODEL) + [judge or settled.model] * (name == MODEL)
    # Without a name it is the vendor's usual one.
    for model in filter(None, models):
        if Price.of(model) is None:
            raise ConfigError(
                f"max_money={settled.max_money:g}",
                f"cannot be held: the price of {model} is not known",
                f"limit max_tokens instead, or name a price table that has it ({TABLE})",
            )


def check(url: str, ask: Callable[[str], str] | None = None) -> str:
    """See that a server may be spoken to, and return its name to be shown; empty: the vendor.

    Args:
        url: its address; empty for the vendor's.
        ask: puts a question to someone who is there; her yes is remembered. None: nobody is.

    Raises:
        ConfigError: it was never confirmed, and is not now.
    """
    named = server(url or VENDOR)
    if named == VENDOR:
        return ""
    if on_this_machine(named) or named in Config.read().trusted:
        return named
    plain = " It is not encrypted." if named.startswith("http:") else ""
    question = (
        f"The agent's server is {named}, which is neither Anthropic's nor on this machine. Your API"
        f" key, the images and everything the agent is told go there.{plain} Trust it from now on?"
        " [y/N] "
    )
    if ask is not None and ask(question).strip().lower() in ("y", "yes"):
        config.trust(named)
        return named
    raise ConfigError(
        named,
        "is neither the vendor's server nor on this machine, and was not confirmed",
        f'if it is meant, write {config.TRUSTED} = ["{named}"] into {places.config()}',
    )


def key(url: str = "", secret: Callable[[str], str] | None = None) -> str:
    """The API key: from the environment, else typed where nothing shows it.

    A typed key is put into the environment of this process, as if it had been there: nothing of
    the environment's keys is ever written down.

    Args:
        url: the server's address.
        secret: puts a question whose answer is not shown. None: nobody is there to answer.

    Raises:
        ConfigError: there is none.
    """
    if found := os.environ.get(KEY):
        return found
    if url and on_this_machine(server(url)):
        return NOTHING
    if secret is not None and (typed := secret("API key (not shown, not stored): ").strip()):
        os.environ[KEY] = typed
        return typed
    raise ConfigError(
        KEY, "is not set, and a language model needs it", "set it, or choose another (offline)"
    )


def prepare(url: str, ask: Callable[[str], str] | None, secret: Callable[[str], str] | None) -> str:
    """Make sure of server and key while someone is there to be asked.

    Returns:
        What is said at the start of a session: which server it is, where not the vendor's.
    """
    named = check(url, ask)
    key(url, secret)
    return f"The agent's server is {named}." if named else ""
