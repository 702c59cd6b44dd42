"""Rules that every template and script of the page keeps."""

from __future__ import annotations

import re
from importlib.resources import files
from importlib.resources.abc import Traversable

import pytest

from gateway.web.rendering import environment

_PAGE = files("gateway.web")
_EVAL = re.compile(
    r"\bhx-on\b|\bhx-on:|\bhx-vars\b|['\"]js:|['\"]javascript:|hx-trigger=\"[^\"]*\["
)
_INLINE = re.compile(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", re.IGNORECASE)
_ELSEWHERE = re.compile(r"(?:src|href|action|hx-\w+)=\"(?:https?:)?//|@import|url\(", re.IGNORECASE)
_TAGS = re.compile(r"<[^>]*>", re.DOTALL)
_JINJA = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
_TRANSLATED = re.compile(r"\{% trans.*?%\}.*?\{% endtrans %\}", re.DOTALL)
_SHOWN = re.compile(r"\b(?:placeholder|title|alt|aria-label|hx-confirm)=\"([^\"]*)\"")
_LETTERS = re.compile(r"[A-Za-z]{2,}")


def _files(folder: str, *kinds: str) -> list[tuple[str, str]]:
    def walk(at: Traversable, path: str) -> list[tuple[str, str]]:
        found = []
        for item in sorted(at.iterdir(), key=lambda it: it.name):
            if item.is_dir():
                if item.name != "vendor":
                    found += walk(item, f"{path}/{item.name}")
            elif item.name.endswith(kinds):
                found.append((f"{path}/{item.name}", item.read_text(encoding="utf-8")))
        return found

    return walk(_PAGE / folder, folder)


TEMPLATES = _files("templates", ".html")
SCRIPTS = _files("static", ".js")
STYLES = _files("static", ".css")


def _untranslated(text: str) -> list[str]:
    text = _TRANSLATED.sub("", text)
    shown = [_JINJA.sub("", it) for it in _SHOWN.findall(text)]
    shown.append(_TAGS.sub("\n", _JINJA.sub("", text)))
    return [line.strip() for it in shown for line in it.splitlines() if _LETTERS.search(line)]


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda it: it[0])
def test_a_template_holds_no_script_style_or_untranslated_text(file: tuple[str, str]) -> None:
    name, text = file
    assert not _EVAL.findall(text), "needs eval, which the policy refuses"
    assert not _INLINE.findall(text), "inline script or style"
    assert not _ELSEWHERE.findall(text), "from elsewhere"
    assert not _untranslated(text)
    environment().get_template(name.removeprefix("templates/"))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('<b hx-on:click="x">', _EVAL),
        ('<b hx-trigger="click[ctrlKey]">', _EVAL),
        ("<b hx-vals='js:{}'>", _EVAL),
        ('<b style="color:red">', _INLINE),
        ("<script>x</script>", _INLINE),
        ('<b onclick="x">', _INLINE),
        ('<img src="https://a.example/x">', _ELSEWHERE),
    ],
)
def test_the_rules_find_what_they_forbid(text: str, found: re.Pattern[str]) -> None:
    assert found.search(text)


def test_text_outside_the_catalogues_is_found() -> None:
    assert _untranslated("<p>Hello <b>{{ _('Doors') }}</b></p>") == ["Hello"]
    assert _untranslated('<input placeholder="Name">') == ["Name"]
    assert not _untranslated('<p>{{ _("Hello") }} {% trans %}there{% endtrans %}</p>')


@pytest.mark.parametrize(
    ("name", "text"), SCRIPTS + STYLES, ids=lambda it: it if len(it) < 80 else ""
)
def test_scripts_and_styles_ask_nothing_elsewhere_and_compile_no_text(name: str, text: str) -> None:
    assert not re.search(r"\beval\(|new Function\(|innerHTML|outerHTML|insertAdjacentHTML", text), (
        name
    )
    assert not re.search(r"https?://(?!www\.w3\.org/)|@import|url\((?!#)", text), name
