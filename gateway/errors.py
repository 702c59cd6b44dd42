"""The errors of this package. Each derives from `GatewayError` and from the built-in error that it
resembles, so that a caller may catch either."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self


class GatewayError(Exception):
    """Base class. Its text may be shown to a technician."""


class SettingsError(GatewayError, ValueError):
    """The site file or a board profile is wrong; the text names the key, what was found and what
    is allowed."""


class DataDirectoryError(GatewayError, OSError):
    """The data directory is missing, not initialised, already initialised or already in use."""


class WordedText(str):
    """A text for people that keeps what it is made of, so that it can be said in another language.

    `worded` makes them. The catalogues of the page have every pattern.
    """

    __slots__ = ("pattern", "values")

    pattern: str
    values: Mapping[str, object]


def worded(pattern: str, /, **values: object) -> WordedText:
    """`pattern` with `values` in the place of its names, such as `%(door)s`."""
    text = WordedText(pattern % values)
    text.pattern, text.values = pattern, values
    return text


class InvalidRequest(GatewayError, ValueError):
    """A client sent an invalid request; nothing was changed."""

    def __init__(self, text: str = "", *, members: tuple[str, ...] = (), why: str = "") -> None:
        super().__init__(text)
        self.members = members
        """The members of the request that are wrong; empty if the text alone tells."""
        self.why = why
        """What is wrong with them, for somebody who sees them in a form; empty if only the text
        tells it."""

    def reworded(self, text: str) -> Self:
        """The same refusal with another text."""
        return type(self)(text, members=self.members, why=self.why)


class ConstraintViolation(InvalidRequest):
    """A row would break a uniqueness, reference or required-value rule; nothing was changed."""


class SecretTaken(ConstraintViolation):
    """A secret that must be unique, such as a PIN, is used already; nothing was changed."""

    @property
    def plain(self) -> str:
        """The text without the row, for callers who may not see secrets."""
        return str(self).partition(" (")[0]


class NotFound(GatewayError, LookupError):
    """What the client named does not exist."""


class NotAuthenticated(GatewayError, PermissionError):
    """No session, an expired session, or wrong credentials."""


class NotPermitted(GatewayError, PermissionError):
    """The session is valid but lacks the right for this command."""


class ControllerUnavailable(GatewayError, ConnectionError):
    """The controller process did not answer in time; the command may not have been carried out."""


class TooBusy(GatewayError, BlockingIOError):
    """Others of its kind run or wait, or too many have come; the same request may succeed in a
    while."""

    RETRY_AFTER_S = 10


class StorageError(GatewayError, OSError):
    """A database cannot be opened, read or written (disk full, read-only, damaged, newer)."""


class ReadOnlyFile(StorageError):
    """A database file was opened for reading alone, since its disk is read-only: a connection that
    is opened anew may write again."""


class UnderRepair(StorageError):
    """A damaged file is being made anew from another one: reading it again soon may work."""


class KeyUnusable(StorageError):
    """The key that seals PINs, password hashes and the like is missing, or is not the one with
    which they were sealed."""


class LostIdentity(StorageError):
    """A store that can be read does not tell the device's id."""


class DamagedFile(StorageError):
    """A database file is not what this program wrote: damage, rubbish, or a newer form.

    Waiting does not help, as it may with another StorageError.
    """


class NewerForm(DamagedFile):
    """A newer program wrote the file."""


class UnusableRules(GatewayError, ValueError):
    """Stored rules or settings cannot be compiled or put in force. The text names the kind of the
    error and where it arose, never a stored value."""

    def __init__(self, version: int, why: str) -> None:
        super().__init__(why)
        self.version = version
        """Of the rules."""


UNUSABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""Errors that an unforeseen stored value may raise."""


def kind_of(error: BaseException) -> str:
    """The class of `error` and the function that raised it: its text may repeat a secret."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f" in {trace.tb_frame.f_code.co_name}" if trace else ""
    return f"{type(error).__name__}{where}"


class DeviceUnavailable(GatewayError, OSError):
    """A reader, port or pin is missing or was lost; the driver tries again."""


class NotSupportedHere(GatewayError, NotImplementedError):
    """This board, system or site does not have what the command needs."""


class BrokenFrame(GatewayError, ValueError):
    """A reader's frame has a wrong length, parity, checksum or character."""


class BrokenRecord(GatewayError, ValueError):
    """A flight record is damaged, cut off, or of a form that this program does not know."""


def error_named(kind: str | None, text: str) -> GatewayError:
    """The error whose class is called `kind`; the root of all for a name that is not known."""
    found = globals().get(kind or "")
    if isinstance(found, type) and issubclass(found, GatewayError) and found is not UnusableRules:
        return found(text)
    return GatewayError(text)
