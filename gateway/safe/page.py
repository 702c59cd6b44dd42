"""The HTML of the safe page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from gateway.safe.site import SafeSite
from gateway.safe.story import Story
from gateway.safe.words import read_words

_WORDS = read_words()


@dataclass(frozen=True, slots=True)
class SafePageState:
    """What one answer shows."""

    site: SafeSite
    story: Story
    language: str
    secure: bool
    """Whether somebody may sign in on this connection."""
    signed_in: bool = False
    wrong_code: bool = False


def page(shown: SafePageState) -> str:
    """The whole document. Without a session it holds no line of the log."""
    body = "\n".join([*_happened(shown), *(_tools(shown) if shown.signed_in else _door(shown))])
    title = escape(f"{shown.site.name} · {_word(shown, 'title')}" if shown.site.name else "")
    return (
        f'<!doctype html>\n<html lang="{shown.language}">\n<head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{title or _said(shown, 'title')}</title>\n"
        '<link rel="stylesheet" href="/safe.css"><script type="module" src="/safe.js"></script>\n'
        f"</head>\n<body><main>\n{body}\n</main></body>\n</html>\n"
    )


def _happened(shown: SafePageState) -> Iterator[str]:
    story = shown.story
    yield f"<h1>{_said(shown, 'title')}</h1>"
    if shown.site.name:
        yield f"<p>{escape(shown.site.name)}</p>"
    yield f'<p role="alert">{_said(shown, "happened")}</p>'
    if story.went_back_from:
        yield f"<p>{_said(shown, 'went_back', story.went_back_from)}</p>"
    yield f"<p>{_said(shown, 'again')}</p>"
    yield (
        f"<dl><dt>{_said(shown, 'installed')}</dt><dd>{escape(story.installed or '?')}</dd>"
        f"<dt>{_said(shown, 'seen')}</dt><dd>{escape(story.at or '?')}</dd></dl>"
    )
    yield f"<h2>{_said(shown, 'doors')}</h2>"
    if story.controller_runs:
        yield f"<p>{_said(shown, 'doors_work')}</p>"
        return
    yield f"<p>{_said(shown, 'doors_stop')}</p>"
    if not story.relays_put:
        yield f'<p class="problem" role="alert">{_said(shown, "doors_unknown")}</p>'
    yield f"<p>{_said(shown, 'doors_fault')}</p>"
    rows = (
        f"<li>{escape(door.name)}: {_said(shown, 'unlocked' if door.unlocked else 'locked')}</li>"
        for door in shown.site.doors
    )
    yield f"<ul>{''.join(rows)}</ul>"


def _door(shown: SafePageState) -> Iterator[str]:
    yield f"<h2>{_said(shown, 'sign_in')}</h2>"
    if not shown.secure:
        yield f"<p>{_said(shown, 'read_only')}</p>"
        return
    if shown.wrong_code:
        yield f'<p class="problem" role="alert">{_said(shown, "wrong")}</p>'
    yield (
        f"<p>{_said(shown, 'where_code')}</p>"
        f'<form method="post" action="/sign-in"><label>{_said(shown, "code")} '
        '<input name="code" autocomplete="off" autocapitalize="characters" required></label> '
        f"<button>{_said(shown, 'sign_in')}</button></form>"
    )


def _tools(shown: SafePageState) -> Iterator[str]:
    story = shown.story
    words = " ".join(f'data-{it}="{_said(shown, it)}"' for it in ("sending", "working", "lost"))
    yield f'<div id="tools" {words}><p id="told" role="status"></p>'
    yield (
        f"<h2>{_said(shown, 'update')}</h2><p>{_said(shown, 'update_help')}</p>"
        f'<form data-send="/update"><label>{_said(shown, "file")} '
        '<input type="file" name="file" accept=".update" required></label> '
        f"<button>{_said(shown, 'install')}</button></form>"
    )
    if story.former:
        yield (
            f"<p>{_said(shown, 'back_help')}</p><form data-send='/go-back'>"
            f"<button>{_said(shown, 'back', story.former)}</button></form>"
        )
    yield f'<form data-send="/try-again"><button>{_said(shown, "try")}</button></form></div>'
    lines = "\n".join([*story.last_words, "", *story.lines])
    yield f'<h2>{_said(shown, "log")}</h2><pre lang="en">{escape(lines)}</pre>'


def _said(shown: SafePageState, word: str, value: str = "") -> str:
    text = _word(shown, word)
    return escape(text % value if value else text)


def _word(shown: SafePageState, word: str) -> str:
    return _WORDS[shown.language][word]
