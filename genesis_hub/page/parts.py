"""What pages are made of: sections, tables, figures, numbers, commands; and the page itself."""

import base64
from collections.abc import Mapping, Sequence
from importlib import resources

from genesis_hub.page.markup import Child, Markup, element, joined

# Nothing may be fetched and nothing run, whatever a case is called.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
FEW = 4  # Columns that fit a phone.
KINDS = {b"\x89PNG": "image/png", b"RIFF": "image/webp", b"<svg": "image/svg+xml"}


def write_page(
    title: str, *parts: Markup, lead: str = "", language: str = "en", narrow: bool = False
) -> str:
    """Return the text of a whole page; the sections' titles are its table of contents.

    narrow: of a page without rows of pictures, which would lie at the left of a broad screen.
    """
    sheet = resources.files("genesis_hub.page").joinpath("page.css").read_text(encoding="utf-8")
    head = element(
        "head",
        Markup('<meta charset="utf-8">'),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'),
        element("title", title),
        element("style", Markup(sheet)),
    )
    top = element(
        "header", element("h1", title), element("p", lead, class_="lead") if lead else None
    )
    look = "narrow" if narrow else None
    body = element("body", top, element("main", *parts), class_=look)
    return f"<!doctype html>\n{element('html', head, body, lang=language)}\n"


def section(title: str, *parts: Child, lead: Child = None) -> Markup:
    """Return a section under a heading."""
    said = element("p", lead, class_="lead") if lead else None
    return element("section", element("h2", title), said, *parts)


def picture(content: bytes, alt: str) -> Markup:
    """Return a picture held in the page itself."""
    kind = next(kind for start, kind in KINDS.items() if content.startswith(start))
    data = base64.b64encode(content).decode("ascii")
    return element("img", src=f"data:{kind};base64,{data}", alt=alt)


def figure(content: bytes, alt: str, *caption: Child, title: str = "") -> Markup:
    """Return a picture with its caption; `title` stands above it."""
    head = element("h3", title) if title else None
    below = element("figcaption", *caption) if caption else None
    return element("figure", head, picture(content, alt), below)


def figures(*parts: Markup, wide: bool = False) -> Markup:
    """Return figures side by side where there is room; wide: fewer of them, and larger."""
    return element("div", *parts, class_="figures wide" if wide else "figures")


def stat(name: str, value: str, more: str = "") -> Markup:
    """Return one number with its name, and its interval or what else is said of it."""
    return element(
        "div", element("dt", name), element("dd", value, element("small", more) if more else None)
    )


def stats(*parts: Markup) -> Markup:
    """Return numbers side by side."""
    return element("dl", *parts, class_="stats")


def facts(pairs: Mapping[str, Child]) -> Markup:
    """Return names and what they are."""
    rows = (
        element("div", element("dt", name), element("dd", value)) for name, value in pairs.items()
    )
    return element("dl", *rows, class_="facts")


def table(
    header: Sequence[str], rows: Sequence[Sequence[Child]], *, caption: str = "", words: int = 1
) -> Markup:
    """Return a table; its first `words` columns are words, the others numbers.

    Where it is too broad for a phone, each row becomes a list of names and values there.
    """

    def look(column: int) -> str | None:
        return None if column < words else "number"

    head = element("tr", *(element("th", n, class_=look(k)) for k, n in enumerate(header)))
    body = (
        element(
            "tr",
            *(
                element("td", value, class_=look(k), data_name=name)
                for k, (name, value) in enumerate(zip(header, row, strict=True))
            ),
        )
        for row in rows
    )
    said = element("caption", caption) if caption else None
    return element(
        "div",
        element("table", said, element("thead", head), element("tbody", *body)),
        class_="table" if len(header) <= FEW else "table broad",
        tabindex=0,
    )


def command(text: str, name: str = "") -> Markup:
    """Return a command to be copied."""
    return joined(
        element("p", name, class_="name") if name else None,
        element("pre", element("code", text), tabindex=0),
    )


def details(title: str, *parts: Child) -> Markup:
    """Return parts that are folded away until they are asked for."""
    return element("details", element("summary", title), *parts)


def note(*parts: Child) -> Markup:
    """Return something to keep in mind."""
    return element("p", *parts, class_="note")
