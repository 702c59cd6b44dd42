"""The kinds of field that an API object may have.

A kind defines its values: JSON type and range on the wire, the value in the program, the column,
and the use in queries. A new field needs nothing but its declaration.

Wire texts follow the Control iD Access API, section 1.3: `Invalid member 'sun' (int expected, got
boolean)`.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from abc import abstractmethod
from dataclasses import KW_ONLY, dataclass
from enum import StrEnum
from typing import Any, ClassVar

import peewee

from gateway.errors import InvalidRequest, worded
from gateway.objects.columns import U64Column

I64_MIN = -(1 << 63)
I64_MAX = (1 << 63) - 1
U64_MAX = (1 << 64) - 1
ID_LIMIT = 1 << 62
"""Largest id that a client may choose. SQLite assigns "the largest ever used plus one": after an id
of 2^63-1 no row could be added."""
LAST_SECOND = 253_402_300_799
"""Of the year 9999."""
HIGHEST_PORT = 65_535
TEXT_LIMIT = 4_000
"""Default limit of a text field, in characters."""

type_names: dict[type, str] = {
    bool: "boolean",
    int: "int",
    float: "double",
    str: "string",
    list: "array",
    dict: "object",
    type(None): "null",
}

_HEX = re.compile(r"[0-9A-Fa-f]+")
_DIGITS = re.compile(r"[+-]?[0-9]{1,20}")

Stored = int | str | bytes | None
"""A value in the program, as models return and take it."""


def wire_type_of(value: object) -> str:
    """The vendor's name for the JSON type of `value`."""
    return type_names.get(type(value), type(value).__name__)


def invalid_member(name: str, expected: str, got: str, why: str = "") -> InvalidRequest:
    """The vendor's refusal of a member of a wrong type; `got` is `undefined` if it is missing.

    `why` says it to somebody who sees the member in a form.
    """
    text = f"Invalid member '{name}' ({expected} expected, got {got})"
    if got == "undefined":
        why = why or worded("it is missing")
    return InvalidRequest(text, members=(name,), why=why)


def invalid_value(member: str, why: str) -> InvalidRequest:
    """The refusal of a member whose value is of the right type, but wrong."""
    return InvalidRequest(f"Invalid member '{member}' ({why})", members=(member,), why=why)


class OnDelete(StrEnum):
    """What happens to a row when the row it refers to is deleted."""

    CASCADE = "CASCADE"
    """It is deleted too."""
    SET_NULL = "SET NULL"
    """Its reference becomes null."""
    RESTRICT = "RESTRICT"
    """The deletion is refused."""
    KEEP = "KEEP"
    """It stays unchanged, as a log. No constraint in the database."""


class Extension(StrEnum):
    """The origin of a column that clients do not expect: they fail on unknown members of a row."""

    OURS = "ours"
    """Not on the vendor's devices."""
    UHF_READER = "UHF reader"
    """On the vendor's devices with such a reader."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an object: its name on the wire, which is also its column, and its rules."""

    name: str
    _: KW_ONLY
    required: bool = False
    """Required when a row is created."""
    default: int | str | bytes | None = None
    """The value of a row without the field, and of null on the wire unless `nullable`."""
    nullable: bool = False
    """The column accepts null although there is a default."""
    unique: bool = False
    secret: bool = False
    """Hidden from roles below administrator, whose queries must not depend on it either."""
    sent_to: tuple[str, ...] = ()
    """Fields that say where this secret is sent: whoever may not see it changes them only together
    with it."""
    guards: bool = False
    """Without this secret more would be let in: a backup that leaves secrets out has a random text
    in its place."""
    duress: bool = False
    """Makes a credential raise a silent alarm. Only roles that see secrets may write it."""
    indexed: bool = False
    quiet: bool = False
    """A change of this field alone adds no row to the change log."""
    extension: Extension | None = None
    """Returned only if a request names it. `Registry.fitted` makes it ordinary on devices with the
    hardware."""
    derived: bool = False
    """Derived from other data: a client's value is checked and ignored, so that clients can send
    whole rows back as they read them."""

    expected: ClassVar[str]
    """The JSON type in messages."""
    sql_type: ClassVar[str]
    """The column's type, also in `object_metadata`."""
    searchable: ClassVar[bool] = True
    """False if LIKE makes no sense."""
    empty: ClassVar[int | str | bytes]
    """Null on the wire: devices return unset numbers as 0, and typed clients fail on null."""

    @property
    def sealed(self) -> bool:
        """True if the file holds the value sealed, see `gateway.sealing`: for every secret text.
        A number is not: two or three values say little and would all look alike."""
        return False

    @property
    def plain(self) -> bool:
        """True if column and wire hold the same value."""
        return not self.sealed

    @property
    def not_null(self) -> bool:
        """True if the column refuses null."""
        return self.required or (self.default is not None and not self.nullable)

    @property
    def unset(self) -> bool:
        """True if the empty value means "not set": queries treat it and null alike."""
        return not self.not_null

    def is_nothing(self, value: object) -> bool:
        """True if the JSON value `value` is null or means null."""
        return value is None

    @abstractmethod
    def decode(self, value: object) -> Stored:
        """The value of a JSON value other than null.

        Raises InvalidRequest for a wrong type or range.
        """

    def encode(self, stored: Stored) -> object:
        """The JSON value of a result of `decode`, or of null."""
        return self.empty if stored is None else stored

    def operand(self, value: object) -> Stored:
        """The value of an operand in a query, where clients are less strict about types."""
        return self.decode(value)

    @abstractmethod
    def column(self) -> peewee.Field[Any]:
        """A new peewee field for a model."""

    def text_of(self, column: peewee.ColumnBase) -> peewee.ColumnBase:
        """The text of the column for LIKE."""
        return peewee.Cast(column, "TEXT")

    def _options(self) -> dict[str, Any]:
        return {"null": not self.not_null, "column_name": self.name, "default": self.default}


@dataclass(frozen=True, slots=True)
class _Integer(Field):
    """Any integer; subclasses narrow the range."""

    _: KW_ONLY
    minimum: int = I64_MIN
    maximum: int = I64_MAX

    expected: ClassVar[str] = "int"
    sql_type: ClassVar[str] = "INTEGER"
    empty: ClassVar[int | str | bytes] = 0

    def decode(self, value: object) -> int:
        if type(value) is not int:
            raise invalid_member(self.name, self.expected, wire_type_of(value))
        return self._in_range(value, self.minimum, self.maximum)

    def operand(self, value: object) -> int:
        """Also accepts digits as text, and a double without a fraction."""
        if isinstance(value, str) and _DIGITS.fullmatch(value):
            value = int(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if type(value) is not int:
            raise invalid_member(self.name, self.expected, wire_type_of(value))
        low, high = self._queryable
        return self._in_range(value, low, high)

    @property
    def _queryable(self) -> tuple[int, int]:
        return I64_MIN, I64_MAX

    def _in_range(self, value: int, low: int, high: int) -> int:
        if not low <= value <= high:
            raise invalid_member(
                self.name,
                f"int between {low} and {high}",
                str(value),
                worded("allowed: %(low)s to %(high)s", low=low, high=high),
            )
        return value

    def column(self) -> peewee.Field[Any]:
        return peewee.BigIntegerField(**self._options())


@dataclass(frozen=True, slots=True)
class Id(_Integer):
    """The key of an object's rows; the database assigns it if the client does not.

    No id is assigned twice, even after the row with the highest one was deleted.
    """

    _: KW_ONLY
    auto: bool = True
    minimum: int = -ID_LIMIT
    maximum: int = ID_LIMIT

    sql_type: ClassVar[str] = "BIGINT"

    @property
    def not_null(self) -> bool:
        return True

    def column(self) -> peewee.Field[Any]:
        return peewee.AutoField(column_name=self.name)


@dataclass(frozen=True, slots=True)
class I64(_Integer):
    """A signed 64-bit number, BIGINT in the metadata."""

    sql_type: ClassVar[str] = "BIGINT"


@dataclass(frozen=True, slots=True)
class Int(_Integer):
    """A number, INTEGER in the metadata."""


@dataclass(frozen=True, slots=True)
class Time(_Integer):
    """A time in Unix seconds, up to the year 9999, which excludes present times in milliseconds."""

    _: KW_ONLY
    minimum: int = 0
    maximum: int = LAST_SECOND

    def decode(self, value: object) -> int:
        if type(value) is int and value > self.maximum:
            doubt = ", which looks like milliseconds" if value // 1000 <= self.maximum else ""
            raise invalid_member(
                self.name,
                "seconds up to the year 9999",
                f"{value}{doubt}",
                worded("the last year is 9999"),
            )
        return _Integer.decode(self, value)


@dataclass(frozen=True, slots=True)
class Flag(_Integer):
    """0 or 1. JSON's true and false are refused, as by the vendor's devices."""

    _: KW_ONLY
    minimum: int = 0
    maximum: int = 1


@dataclass(frozen=True, slots=True)
class Choice(_Integer):
    """One of a few numbers."""

    _: KW_ONLY
    choices: tuple[int, ...] = ()

    def decode(self, value: object) -> int:
        if type(value) is not int:
            raise invalid_member(self.name, self.expected, wire_type_of(value))
        if value not in self.choices:
            allowed = ", ".join(str(choice) for choice in self.choices)
            raise invalid_member(self.name, f"one of {allowed}", str(value))
        return value


@dataclass(frozen=True, slots=True)
class U64(_Integer):
    """An unsigned 64-bit number, stored as value - 2^63, which keeps order and equality."""

    _: KW_ONLY
    minimum: int = 0
    maximum: int = U64_MAX

    sql_type: ClassVar[str] = "BIGINT"

    @property
    def plain(self) -> bool:
        return False

    @property
    def _queryable(self) -> tuple[int, int]:
        return 0, U64_MAX

    def column(self) -> peewee.Field[Any]:
        return U64Column(**self._options())

    def text_of(self, column: peewee.ColumnBase) -> peewee.ColumnBase:
        return peewee.fn.u64_text(column)


@dataclass(frozen=True, slots=True)
class Text(Field):
    """Text of at most `max_length` characters."""

    _: KW_ONLY
    max_length: int = TEXT_LIMIT

    expected: ClassVar[str] = "string"
    sql_type: ClassVar[str] = "TEXT"
    empty: ClassVar[int | str | bytes] = ""

    @property
    def sealed(self) -> bool:
        return self.secret

    def decode(self, value: object) -> str:
        if not isinstance(value, str):
            raise invalid_member(self.name, self.expected, wire_type_of(value))
        if len(value) > self.max_length:
            expected = f"string of at most {self.max_length} characters"
            why = worded("it has at most %(count)s characters", count=self.max_length)
            raise invalid_member(self.name, expected, f"{len(value)} characters", why)
        return storable_text(self.name, value)

    def operand(self, value: object) -> str:
        """Also accepts a number, as its digits."""
        if type(value) is int:
            return str(value)
        if not isinstance(value, str):
            raise invalid_member(self.name, self.expected, wire_type_of(value))
        return storable_text(self.name, value)

    def column(self) -> peewee.Field[Any]:
        return peewee.TextField(**self._options())

    def text_of(self, column: peewee.ColumnBase) -> peewee.ColumnBase:
        return column


def has_control_characters(text: str) -> bool:
    """Whether `text` holds C0 or C1 controls, such as a line break or a terminal's escape."""
    return any(unicodedata.category(letter) == "Cc" for letter in text)


def has_controls_in_name(text: str) -> bool:
    """Whether `text` holds other controls than tab and line breaks, which spreadsheets send."""
    return has_control_characters(text.translate(dict.fromkeys(map(ord, "\t\r\n"))))


@dataclass(frozen=True, slots=True)
class NameText(Text):
    """A name of a person or a thing, which people read on screens and in terminals."""

    def decode(self, value: object) -> str:
        text = Text.decode(self, value)
        if has_controls_in_name(text):
            raise invalid_member(
                self.name,
                "text without control characters",
                repr(text[:40]),
                worded("it has characters that cannot be seen"),
            )
        return text


@dataclass(frozen=True, slots=True)
class Word(Text):
    """One of a few words."""

    _: KW_ONLY
    words: tuple[str, ...] = ()

    def decode(self, value: object) -> str:
        text = Text.decode(self, value)
        if text not in self.words:
            allowed = ", ".join(word or "none" for word in self.words)
            raise invalid_member(self.name, f"one of {allowed}", repr(text[:40]))
        return str(text)


@dataclass(frozen=True, slots=True)
class HexText(Text):
    """Hexadecimal digits without prefix, stored in upper case."""

    def decode(self, value: object) -> str:
        text = Text.decode(self, value)
        if not _HEX.fullmatch(text):
            why = worded("it has the digits 0 to 9 and A to F only")
            raise invalid_member(self.name, "hexadecimal digits", repr(text), why)
        return text.upper()

    def operand(self, value: object) -> str:
        return Text.operand(self, value).upper()


@dataclass(frozen=True, slots=True)
class Digits(Text):
    """Digits 0 to 9, such as a PIN; configuration has a minimum length of PINs."""

    _: KW_ONLY
    max_length: int = 32

    def decode(self, value: object) -> str:
        text = Text.decode(self, value)
        if not text.isascii() or not text.isdecimal():
            # Without the text: it may be a secret.
            got = "other characters" if text else "none"
            why = worded("it has 1 to %(count)s digits", count=self.max_length)
            raise invalid_member(self.name, f"1 to {self.max_length} digits", got, why)
        return text


@dataclass(frozen=True, slots=True)
class PortNumber(Text):
    """A TCP port as text; empty for the default port."""

    _: KW_ONLY
    max_length: int = 5

    def decode(self, value: object) -> str:
        text = Text.decode(self, value)
        if text and not (_DIGITS.fullmatch(text) and 1 <= int(text) <= HIGHEST_PORT):
            raise invalid_member(self.name, f"port from 1 to {HIGHEST_PORT}, or none,", repr(text))
        return text


def storable_text(name: str, value: str) -> str:
    """Return `value` if the database can store it unchanged.

    Raises InvalidRequest for a NUL, where LIKE stops, and for half a surrogate pair, which JSON can
    express and UTF-8 cannot.
    """
    if "\0" in value:
        why = worded("it has characters that cannot be seen")
        raise invalid_member(name, "string", "a NUL character", why)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise invalid_member(name, "string", "half a surrogate pair") from None
    return value


@dataclass(frozen=True, slots=True)
class Blob(Field):
    """Bytes: base64 text on the wire, bytes in the program and the database."""

    _: KW_ONLY
    max_bytes: int = 1 << 20

    expected: ClassVar[str] = "string"
    sql_type: ClassVar[str] = "BLOB"
    empty: ClassVar[int | str | bytes] = b""
    searchable: ClassVar[bool] = False

    @property
    def plain(self) -> bool:
        return False

    def decode(self, value: object) -> bytes:
        if not isinstance(value, str):
            raise invalid_member(self.name, self.expected, wire_type_of(value))
        try:
            data = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise invalid_member(self.name, "base64 string", "other text") from None
        if len(data) > self.max_bytes:
            raise invalid_member(self.name, f"at most {self.max_bytes} bytes", str(len(data)))
        return data

    def encode(self, stored: Stored) -> object:
        data = Field.encode(self, stored)
        return base64.b64encode(data).decode("ascii") if isinstance(data, bytes) else data

    def column(self) -> peewee.Field[Any]:
        return peewee.BlobField(**self._options())


@dataclass(frozen=True, slots=True)
class Ref(_Integer):
    """The key of a row of the object named `target`."""

    target: str = ""
    _: KW_ONLY
    on_delete: OnDelete = OnDelete.CASCADE
    selective: bool = True
    """False omits the index, since nearly all rows have the same value."""
    joins: bool = True
    """False excludes this reference from joins, because the API joins along another one."""

    sql_type: ClassVar[str] = "BIGINT"

    @property
    def enforced(self) -> bool:
        """True if the database refuses a reference to a missing row."""
        return self.on_delete is not OnDelete.KEEP

    @property
    def unset(self) -> bool:
        return not self.required

    def is_nothing(self, value: object) -> bool:
        """As for any field; 0 also means null in an optional reference."""
        optional = self.unset and self.default is None
        return value is None or (type(value) is int and value == 0 and optional)
