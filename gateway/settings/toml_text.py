"""Reads TOML, and explains mistakes in it.

Some editors save other encodings, and people write the syntax of other kinds of file. Each such
mistake is a row of MISTAKES: a pattern of the line, what is wrong, and the remedy.
"""

from __future__ import annotations

import codecs
import re
import tomllib
from dataclasses import dataclass
from typing import Any

from gateway.errors import SettingsError

AS_UTF_8 = 'save the file as UTF-8 ("Encoding" or "Save with encoding" in the editor)'
_LONGEST = 80
"""Characters of a line that a refusal repeats."""
LONGEST_LINE = 2_000
MOST_DOTS = 20
"""Between the keys of one line. The TOML library takes the square of their number, so a line of
20,000 keeps it busy for half a minute."""

_NO_TEXT = (
    (b"PK\x03\x04", "a document of a word processor or spreadsheet"),
    (b"\xd0\xcf\x11\xe0", "a document of a word processor or spreadsheet"),
    (b"{\\rtf", "a document of a word processor"),
    (b"%PDF", "a PDF"),
    (b"\x1f\x8b", "a compressed file"),
)
_UTF_16_AND_32 = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decode(content: bytes, name: str) -> str:
    """The text of the file `name`, without its byte order mark.

    Raises SettingsError with the line that is not UTF-8, and a remedy.
    """
    for start, what in _NO_TEXT:
        if content.startswith(start):
            raise SettingsError(f"{name} is {what}: save it as plain text, encoded as UTF-8")
    encoding = next((name for start, name in _UTF_16_AND_32 if content.startswith(start)), "")
    if not encoding and content[:200].count(b"\0") > len(content[:200]) // 4:
        encoding = "utf-16-le" if content[1:2] == b"\0" else "utf-16-be"
    if encoding:
        first = content.decode(encoding, errors="replace").lstrip().splitlines()
        wrong = f"this is {encoding[:6].upper()}, which Windows calls Unicode"
        raise _refused(name, 1, first[0] if first else "", f"{wrong}; {AS_UTF_8}")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        line = content.splitlines()[number - 1].decode("cp1252", errors="replace")
        letter = content[error.start : error.start + 1].decode("cp1252", errors="replace")
        wrong = f"the character {letter} is not written in UTF-8"
        raise _refused(name, number, line, f"{wrong}; {AS_UTF_8}") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def parse(text: str, name: str) -> dict[str, Any]:
    """The tables in `text` of the file called `name`.

    Raises SettingsError that names the line which is no TOML, shows it, and says the cure.
    """
    if not text.strip():
        raise SettingsError(
            f"{name} is empty: write the site into it; `gateway init --demo` makes an example"
        )
    _check_lines(text, name)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _explained(text, name, str(error)) from error
    except RecursionError as error:
        raise SettingsError(f"{name} cannot be read: its brackets are nested too deep") from error


_ASIDE = re.compile(r"""("[^"]*"|'[^']*')|#.*""")
"""Quoted text and comments, where a dot separates nothing."""


def _check_lines(text: str, name: str) -> None:
    """Raise SettingsError for a line of which nobody writes the like, and that takes the TOML
    library, or the search for mistakes, more than a moment."""
    for number, line in enumerate(text.split("\n"), start=1):
        if len(line) > LONGEST_LINE:
            raise _refused(name, number, line, f"a line has at most {LONGEST_LINE} characters")
        if line.count(".") > MOST_DOTS and _ASIDE.sub("", line).count(".") > MOST_DOTS:
            raise _refused(name, number, line, "too many dots; write [table] on a line of its own")


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake in a line."""

    name: str
    seen: re.Pattern[str]
    """Searched in the stripped line where TOML ends."""
    wrong: str
    cure: str
    said: str = ""
    """Part of the TOML library's message; empty if the line alone shows the mistake."""


_KEY = r"""^(?:[\w-]+|"[^"]*"|'[^']*')(?:\.[\w-]+)*\s*"""
_VALUE = _KEY + r"=\s*+"
_SIMPLE = r"""(?:"[^"]*"|'[^']*'|[+-]?\d+(?:\.\d+)?|true|false)"""
_END = r"\s*(?:#.*)?$"
_COMMENT = "a comment begins with #"
_EQUALS = "write key = value"
_ONE_LINE = "join its lines, { ... } on one line"


def _row(name: str, seen: str, wrong: str, cure: str, said: str = "") -> Mistake:
    return Mistake(name, re.compile(seen), wrong, cure, said)


MISTAKES = (
    # Of the file as a whole.
    _row("merge", r"^(<{7}|={7}|>{7})", "a mark of a merge that was not finished", "delete it"),
    _row("page", r"^<([!?]|/?(?i:html|head|body|p|div|xml)\b)", "this is a web page or XML",
         "save the text alone"),
    _row("json", r"^[{}]", "this looks like JSON",
         "write [table], and key = value on a line for each key"),
    _row("yaml", r"^(---$|-\s)", "this looks like YAML", "write [[table]] before each of several"),
    # Characters.
    _row("quotes", "[\u201c\u201d\u201e\u201f\u2018\u2019\u201a\u201b\u00ab\u00bb\u2033\u00b4`]",
         "typographic quotes", 'write straight ones: "'),
    _row("blank", "[\u00a0\u1680\u2000-\u200f\u2028\u2029\u202f\u205f\u2060\u3000\ufeff]",
         "a blank that is not the space bar's, as copied from a web page",
         "delete it and type a space"),
    _row("full width", "[\uff01-\uff5e]", "a full-width character",
         "type it with the keyboard set to Latin letters"),
    _row("control", "[\0-\x08\x0b-\x1f\x7f]", "a control character", "delete it"),
    # Comments.
    _row("comment", r"^(//|;|--|/\*|\*/|'(?!.*=)|(?i:rem)\b)", _COMMENT, "write # in its place"),
    _row("comment behind",
         _VALUE + rf"(?:{_SIMPLE}|\{{[^}}]*\}}|\[[^\]]*\])\s*(?://|;|--|/\*)", _COMMENT,
         "write # before it, and each key on a line of its own"),
    # Headers of tables.
    _row("header", r"^[(<{]\s*[\w.]+\s*[)>}]$", "a table's name stands in square brackets",
         "write [name]"),
    _row("header end", r"^\[\[?[^\]]*" + _END, "the closing bracket is missing",
         "write [name] or [[name]]"),
    _row("header brackets", r"^(\[\[[^\]]*\]|\[[^\[\]]*\]\])" + _END,
         "one bracket on one side, two on the other", "write [name] or [[name]]"),
    _row("header name", r"^\[\[?\s*[^\]\s]+\s[^\]]*\]", "a table's name has no spaces",
         "write [name]"),
    _row("twice", r"^\[(door|reader|zone|sec_box)\]", "there is such a table already",
         "write [[TABLE]] with double brackets, each time", "Cannot"),
    _row("table twice", r"^\[", "this table is there already",
         "put all its keys below one such line", "Cannot"),
    # Keys that are there twice.
    _row("key twice", _KEY + "=", "this key is there already in its table", "keep one of them",
         "Cannot"),
    _row("key twice in braces", r"\{", "a key is there twice within the braces",
         "keep one of them", "Duplicate inline table key"),
    # Tables in braces, and lists.
    _row("backslash", r'"[^"]*\\', "a backslash within double quotes",
         "write it twice, or take single quotes"),
    _row("braces", _VALUE + r"\{[^}]*$", "a table in braces must stand on one line", _ONE_LINE),
    _row("brace missing", r"^[^{]*\}", "a brace closes what none has opened", _ONE_LINE),
    _row("last comma", r",\s*\}", "a comma before the closing brace", "delete that comma"),
    _row("semicolon", r"\{[^}]*;", "a semicolon between two keys", "write a comma"),
    _row("comma", rf"\{{[^}}]*=\s*{_SIMPLE}\s+[\w-]+\s*=", "a comma is missing between two keys",
         'write { pin = 17, pull = "up" }'),
    _row("colon in braces", r"\{\s*[\"']?[\w-]+[\"']?\s*:", "a colon between a key and its value",
         _EQUALS),
    _row("list", _VALUE + r"\[[^\]]*$", "the closing bracket of the list is missing", "write ]"),
    _row("round", _VALUE + r"\(", "round brackets", "write { ... } for a table, [ ... ] for lists"),
    # Between a key and its value.
    _row("colon", _KEY + r":(?!.*=)", "a colon between a key and its value", _EQUALS),
    _row("arrow", _KEY + r"(:=|==|=>|->|=\s*=)", "other signs than = between a key and its value",
         _EQUALS),
    _row("no equals sign", _KEY + r"""(?<=\s)(["'\[{]|\d+""" + _END + ")",
         "the equals sign is missing", _EQUALS),
    _row("nothing", _KEY + "=" + _END, "the value is missing",
         "give one, or put # before the line"),
    _row("key alone", _KEY + _END, "the value is missing", "write key = value, or put # before it"),
    _row("key with spaces", r"^[\w-]+(\s+[\w-]+)+\s*=", "a key has no spaces",
         "write _ in the place of each"),
    _row("letters", r"^[^=\"'#]*[^\x00-\x7f][^=]*=", "a key has no letters with accents",
         "take the key as the manual writes it"),
    # Values.
    _row("word", _VALUE + r"(?i:true|false|yes|no|on|off)" + _END,
         "this is neither a text nor true or false", "write true or false, or quotes"),
    _row("unit", _VALUE + r"[+-]?\d+(\.\d+)?\s*(ms|s|sec|min|h|%|V|A|m)" + _END,
         "a number has no unit", "write the number alone"),
    _row("zeros", _VALUE + r"[+-]?0\d+" + _END, "a number does not begin with 0",
         "delete the zeros, or put it in quotes where a text is needed"),
    _row("two on a line", _VALUE + rf"{_SIMPLE}[\s,]+[\w-]+\s*=", "two keys on one line",
         "write each key on a line of its own"),
    _row("several values", _VALUE + r"[^\[\]{}\"'#]+,", "several values",
         "write one, or [ ... ] around a list"),
    _row("two values", _VALUE + rf"{_SIMPLE}\s+[^#\s]", "something stands behind the value",
         "put # before it where it is a comment"),
    _row("no quotes", _VALUE + r"(?![\"'\[{]).*[A-Za-z_/:.@].*$", "a text stands in quotes",
         'write key = "text"'),
    _row("three quotes", _VALUE + r"""("{3}|'{3})(?!.*\1)""", "the closing quotes are missing",
         "write the text on one line between single ones"),
    _row("open quote", r"^[^\"]*\"(?:[^\"]*\"[^\"]*\")*[^\"]*$", "a quote is missing",
         'write one at each end of the text: "text"'),
    _row("open single quote", r"^[^']*'(?:[^']*'[^']*')*[^']*$", "a quote is missing",
         "write one at each end of the text: 'text'"),
)  # fmt: skip
"""The first match applies."""

_OPEN = {"braces", "list", "three quotes", "comment", "open quote", "open single quote"}
_LEAVES_OPEN = tuple(it for it in MISTAKES if it.name in _OPEN)
"""Mistakes that the TOML library reports on a later line."""

_PLACE = re.compile(r"\(at line (\d+), column \d+\)")


def _explained(text: str, name: str, said: str) -> SettingsError:
    """The TOML library's error `said`, as the mistake in the line that causes it."""
    lines = text.split("\n")
    place = _PLACE.search(said)
    last = int(place[1]) if place else len(lines)
    for number in range(last, 0, -1):
        line = lines[number - 1].strip()
        here = number == last
        if _is_whole(line) and not (here and said.startswith("Cannot")):
            continue  # a line before it was left open
        for mistake in MISTAKES if here else _LEAVES_OPEN:
            seen = mistake.seen.search(line) if mistake.said in said else None
            if seen:
                table = (seen[1] if seen.re.groups else None) or ""
                cure = mistake.cure.replace("TABLE", table)
                return _refused(name, number, line, f"{mistake.wrong}; {cure}")
        if here and place:
            break
    line = lines[last - 1].strip()
    odd = next((letter for letter in line.split("#")[0] if not letter.isascii()), "")
    called = f": {odd} does not belong there" if odd else ""
    wrong = f"this cannot be understood{called}"
    return _refused(name, last, line, f"{wrong}; a line is key = value, [table] or # comment")


def _is_whole(line: str) -> bool:
    try:
        tomllib.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


_FOUND = " (found "


def without_line(error: SettingsError) -> SettingsError:
    """The same refusal of `parse`, for a file whose lines may hold a secret."""
    return SettingsError(str(error).partition(_FOUND)[0])


def _refused(name: str, number: int, line: str, text: str) -> SettingsError:
    line = line.strip()
    shown = line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."
    return SettingsError(f"{name} line {number}: {text}{_FOUND}{shown})")
