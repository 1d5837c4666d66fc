"""What every page that is written here owes its readers: by day and by night, by keyboard, and by ear."""

import re
from collections import Counter
from html.parser import HTMLParser

_EMPTY = ("meta", "img", "link", "br", "input")  # have no end


class _Page(HTMLParser):
    """Counts what is there, and what is missing."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[tuple[str, dict]] = []
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.tags: Counter[str] = Counter()
        self.missing: list[str] = []

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags[tag] += 1
        self.ids += [found["id"]] if "id" in found else []
        self.targets += [found["href"][1:]] if tag == "a" and found.get("href", "").startswith("#") else []
        if tag == "img" and not found.get("alt"):
            self.missing.append("an image says what it shows")
        if tag == "svg" and not (found.get("aria-hidden") or (found.get("role") == "img" and found.get("aria-label"))):
            self.missing.append("a figure says what it shows, or is hidden")
        if tag == "table" and not any(
            "scroll" in above.get("class", "") and above.get("tabindex") == "0" and above.get("aria-label")
            for _, above in self.open
        ):
            self.missing.append("a table can be scrolled with the keyboard")
        if tag not in _EMPTY:
            self.open.append((tag, found))

    def handle_endtag(self, tag):
        while tag not in _EMPTY and self.open.pop()[0] != tag:
            pass


def check_page(text: str) -> None:
    """Asserts it of a whole HTML page that holds its own style."""
    page = _Page()
    page.feed(text)
    assert not page.missing, set(page.missing)
    assert page.tags["h1"] == page.tags["main"] == 1 and '<html lang="en">' in text
    assert len(page.ids) == len(set(page.ids)), [name for name, count in Counter(page.ids).items() if count > 1]
    assert set(page.targets) <= set(page.ids)
    style, _, body = text.partition("</style>")
    assert "prefers-color-scheme: dark" in style and ":focus-visible" in style
    colors = set(re.findall(r"#[0-9a-f]{6}\b", re.sub(r"data:image/[^\"]*", "", body)))
    assert not colors, "colours that are the same by night"
