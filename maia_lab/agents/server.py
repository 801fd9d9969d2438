"""A server of the Messages API: one request, asked until it is answered or there is no use."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import random
import ssl
import time
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import anthropic
import httpx2
from anthropic import AsyncStream

from maia_lab import access
from maia_lab.agents.answer import Answer, Damaged, Hear, ServerSaid, read
from maia_lab.errors import MaiaError
from maia_lab.thought import Thought

TRIES = 5
"""In a row, until people are asked."""
LONGEST = 60.0
"""Seconds waited for at most before one try, whatever the server asks for."""
TIMEOUT = httpx2.Timeout(600.0, connect=15.0, read=90.0)
"""Servers send a ping every few seconds while they think."""
logging.getLogger("anthropic").addHandler(logging.NullHandler())


class AgentError(MaiaError):
    """The model or its server cannot go on as it is; the session is paused, and loses nothing."""


class TooLong(Exception):
    """The request is more than the model or its server takes."""


class NoSignature(Exception):
    """The server does not know the thinking that it is given back."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One try: what came of it, and what it took."""

    answer: Answer
    seconds: float
    request: str
    """sha256 of the request's body."""


@dataclass(slots=True)
class Abilities:
    """What a server says of a model."""

    images: bool = True
    most_input: int = 200_000
    """Tokens."""
    known: bool = False
    """It said anything at all."""


@dataclass(slots=True)
class Failures:
    """What went wrong on the way, for the journal."""

    tries: list[tuple[Asked, str]] = field(default_factory=list)


class Server:
    """Where a model is asked.

    Attributes:
        model: its name.
        host: who answers: ``api.anthropic.com``.
        pause: seconds before the second try; twice as long before each one after.
    """

    def __init__(self, model: str, base_url: str = "", key: str = "", pause: float = 1.0) -> None:
        """Name the model and its server; nothing is sent yet."""
        self.model, self.pause = model, pause
        self._url, self._key = base_url or access.VENDOR, key
        self.host = urlsplit(self._url).netloc
        self._abilities: Abilities | None = None

    @property
    def by(self) -> str:
        """Model and host, as it is recorded."""
        return f"{self.model} at {self.host}"

    def _client(self) -> anthropic.AsyncAnthropic:
        # A proxy of the environment is meant for the world outside, not for this machine; the
        # SDK's own client would use it even without trust in the environment.
        if access.on_this_machine(self._url):
            http = httpx2.AsyncClient(verify=_certificates(), timeout=TIMEOUT, trust_env=False)
        else:
            http = anthropic.DefaultAsyncHttpxClient(verify=_certificates(), timeout=TIMEOUT)
        return anthropic.AsyncAnthropic(
            api_key=self._key,
            base_url=self._url,
            max_retries=0,
            timeout=TIMEOUT,
            http_client=http,
        )

    async def abilities(self) -> Abilities:
        """What the server says of the model, asked once; nothing where it has no list of models.

        Raises:
            AgentError: it does not know the model, or not the key.
        """
        if self._abilities is not None:
            return self._abilities
        found = Abilities()
        async with self._client() as client:
            try:
                info = (await client.models.retrieve(self.model)).to_dict()
            except (anthropic.AuthenticationError, anthropic.PermissionDeniedError) as error:
                raise self._refused(error) from None
            except anthropic.NotFoundError as error:
                # Only a server that speaks of the model is believed: others have no such page.
                if error.type == "not_found_error" and self.model in str(error.api_message):
                    raise self._refused(error) from None
            except Exception as error:
                logging.getLogger(__name__).debug("no word of %s (%s)", self.model, type(error))
            else:
                able = info.get("capabilities")
                sees = able.get("image_input") if isinstance(able, dict) else None
                found.known = True
                found.images = not (isinstance(sees, dict) and sees.get("supported") is False)
                most = info.get("max_input_tokens")
                found.most_input = most if isinstance(most, int) else found.most_input
        self._abilities = found
        return found

    async def ask(self, body: dict[str, Any], hear: Hear, failed: Failures) -> Asked:
        """Ask until there is a whole answer.

        Args:
            body: of the request.
            hear: told what is written, and each second of a wait.
            failed: gets every try that broke off: it may be billed.

        Raises:
            AgentError: trying again is of no use, or was of none.
            TooLong, NoSignature: it would be, with another body.
        """
        why = ""
        for number in range(TRIES):
            began, answer = time.monotonic(), Answer()
            wait = min(self.pause * 2**number, LONGEST) * random.uniform(0.75, 1.25)
            try:
                return await self._once(body, answer, hear, began)
            except asyncio.CancelledError:
                failed.tries.append((self._asked(body, answer, began), "cancelled"))
                raise
            except (ServerSaid, Damaged) as error:
                why = f"{self.host} broke off: {_plain(error)}"
                if isinstance(error, ServerSaid) and not _passes(error.kind):
                    raise self._stop(error.kind, error.message, None) from None
            except anthropic.APIStatusError as error:
                code = error.status_code
                if not (code in (408, 409, 429) or code >= 500) or _spent(error):
                    raise self._refused(error) from None
                why = f"{self.host} is {'busy' if code in (429, 529) else 'failing'} ({code})"
                wait = _asked_for(error, wait)
            except (anthropic.APIError, httpx2.HTTPError, OSError) as error:
                why = f"{self.host} does not answer ({_plain(error)})"
            failed.tries.append((self._asked(body, answer, began), why))
            if number + 1 < TRIES:
                await _countdown(wait, why, hear)
        raise AgentError(
            self.by, f"gave no answer in {TRIES} tries: {why}", "see that it is there, then resume"
        )

    async def _once(self, body: dict[str, Any], answer: Answer, hear: Hear, began: float) -> Asked:
        async with (
            self._client() as client,
            client.messages.with_streaming_response.create(**body, stream=True) as response,
        ):
            kind = response.headers.get("content-type", "")
            if "text/event-stream" not in kind:
                raise AgentError(
                    self._url,
                    f"answers with {kind.split(';')[0] or 'nothing'}, and is no Messages API",
                    "correct base_url, then resume",
                )
            await read(AsyncStream.raw_events(response.http_response), answer, hear)
        return self._asked(body, answer, began)

    def _asked(self, body: dict[str, Any], answer: Answer, began: float) -> Asked:
        whole = json.dumps(body, sort_keys=True).encode()
        digest = hashlib.sha256(whole).hexdigest()
        return Asked(answer, time.monotonic() - began, digest)

    def _refused(self, error: anthropic.APIStatusError) -> Exception:
        if "json" not in error.response.headers.get("content-type", ""):
            return AgentError(
                self._url,
                f"answers with a page that is no Messages API ({error.status_code})",
                "correct base_url, then resume",
            )
        if _spent(error):
            return self._stop("billing_error", str(error.api_message), error.status_code)
        said = str(error.api_message or error.message)
        return self._stop(error.type or "", said, error.status_code)

    def _stop(self, kind: str, said: str, code: int | None) -> Exception:
        """What cannot be helped by trying again, in words."""
        words = said.lower()
        if code == 413 or kind == "request_too_large" or "prompt is too long" in words:
            return TooLong(said)
        if code == 400 and "thinking" in words and ("signature" in words or "block" in words):
            return NoSignature(said)
        if code == 401 or kind == "authentication_error":
            return AgentError(
                self.host, "does not accept the API key", f"set {access.KEY} anew, then resume"
            )
        if code == 403 or kind == "permission_error":
            return AgentError(self.by, f"is not open to this key ({said})", "use another, resume")
        if code == 404 or kind == "not_found_error":
            return AgentError(
                self.model,
                f"is not a model of {self.host} ({said})",
                "correct it with: maia config set model NAME, then resume",
            )
        if code == 402 or kind == "billing_error":
            return AgentError(
                self.host, f"has no more money to spend ({said})", "raise the limit there, resume"
            )
        if code == 400 and "image" in words and ("support" in words or "vision" in words):
            return AgentError(self.by, "cannot see images", "choose a model with vision, resume")
        return AgentError(self.by, f"refused the request ({said})", "see what it says, then resume")


@cache
def _certificates() -> ssl.SSLContext:
    """Read once: a request has its own event loop, and so its own client."""
    return httpx2.create_ssl_context()


def _passes(kind: str) -> bool:
    return kind in ("overloaded_error", "api_error", "rate_limit_error", "timeout_error")


def _spent(error: anthropic.APIStatusError) -> bool:
    """Whether a limit of money was reached: no wait will help."""
    said = f"{error.error_code} {error.api_message}".lower()
    known = ("spend_limit", "spend limit", "usage limits", "credit balance", "monthly limit")
    return error.status_code == 402 or any(words in said for words in known)


def _asked_for(error: anthropic.APIStatusError, otherwise: float) -> float:
    """The wait that the server asks for, within reason."""
    try:
        return min(max(float(error.response.headers["retry-after"]), 0.0), LONGEST)
    except (KeyError, ValueError):
        return otherwise


async def _countdown(seconds: float, why: str, hear: Hear) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        hear(Thought("wait", why, left))
        await asyncio.sleep(min(1.0, left))


def _plain(error: Exception) -> str:
    cause = error.__cause__ or error
    said = " ".join(str(cause).split())
    return said[:200] or type(cause).__name__
