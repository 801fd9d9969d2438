"""What can go wrong, each with the value, the reason, and what to do next, in one sentence."""

from __future__ import annotations


class MaiaError(Exception):
    """Base of every error this package raises on purpose.

    The three parts are kept apart so that none can be forgotten: ``'resnet152 layer4 122' is not a
    unit; write it as model/layer/index, for example scenes/layer4/12.``
    """

    def __init__(self, value: object, reason: str, next_step: str) -> None:
        """Word the error: value, reason; next step."""
        self.value, self.reason, self.next_step = value, reason, next_step
        super().__init__(f"{value!r} {reason}; {next_step.rstrip('.')}.")

    def __reduce__(self) -> tuple[type[MaiaError], tuple[object, str, str]]:
        """Come whole out of another process."""
        return type(self), (self.value, self.reason, self.next_step)


class UnitError(MaiaError):
    """A model, layer or unit that was asked for is not there."""


class ModelError(MaiaError):
    """A model is there, and cannot be studied in this way."""


class DataError(MaiaError):
    """Images that cannot be read, or are missing where they are needed."""


class WordsError(MaiaError):
    """A prompt, an edit or a label uses words that the world in use does not know."""


class WorldError(MaiaError):
    """Something was asked of a world that it cannot give, or that would be of the wrong world."""


class JournalError(MaiaError):
    """A journal that cannot be written, read, or trusted."""


class SessionError(MaiaError):
    """A step that is out of order: nothing was changed by it."""


class ConfigError(MaiaError):
    """Something that was configured, or is to be, and cannot hold."""


class BudgetError(MaiaError):
    """What is left of a budget does not pay for what was asked."""


class MissingExtra(MaiaError):
    """A door needs a library that is not installed."""
