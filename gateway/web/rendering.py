"""Templates of the page. Everything that is put into one is escaped."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from gateway.web import assets, formats
from gateway.web.languages import LANGUAGES, current, lookup, lookup_plural


@cache
def environment() -> Environment:
    """The templates, with what all of them may use."""
    made = Environment(
        loader=PackageLoader("gateway.web"),
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    # The extension adds this method; jinja2's types do not know it.
    made.install_gettext_callables(lookup, lookup_plural, newstyle=True)  # type: ignore[attr-defined]
    made.globals |= {"asset": assets.address, "LANGUAGES": LANGUAGES, "language": current}
    made.filters |= formats.FILTERS
    return made


def render(name: str, **values: object) -> str:
    """The template `name` of the folder `templates` with `values`."""
    return environment().get_template(name).render(values)
