"""The documents' pictures: each says what it shows, and can be seen by night."""

import re

import pytest
from tests.documented import PAGES, ROOT

PICTURES = [(page, alt) for page in PAGES for alt in re.findall(r"!\[(.*?)\]\(", page.read_text(encoding="utf-8"))]


def test_each_picture_says_what_it_shows():
    assert len(PICTURES) > 15
    assert not [(page.name, alt) for page, alt in PICTURES if len(alt.split()) < 4]


@pytest.mark.parametrize("path", sorted((ROOT / "docs").rglob("*.svg")), ids=lambda path: path.name)
def test_figures_bring_their_own_ground(path):
    """On GitHub's and the site's dark pages dark text would stand on nothing."""
    text = path.read_text(encoding="utf-8")
    assert '<rect width="100%" height="100%" fill="#fff"/>' in text and 'aria-label="' in text


def test_the_site_follows_the_readers_system():
    palette = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    media = re.findall(r'media: "(.*?)"', palette)
    assert media == ["(prefers-color-scheme)", "(prefers-color-scheme: light)", "(prefers-color-scheme: dark)"]
