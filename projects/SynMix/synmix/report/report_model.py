"""A report as plain data, which :mod:`html` shows in a browser and :mod:`markdown` as text."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from synmix.report.claims import Finding
from synmix.report.estimates import Estimate

Tone = Literal["plain", "good", "bad", "open", "dim"]


@dataclass(frozen=True)
class Paragraph:
    """Running text."""

    text: str
    tone: Tone = "plain"


@dataclass(frozen=True)
class Number:
    """A row of a table of results: the paper's figure and ours."""

    row: str
    column: str
    published: float | None
    ours: Estimate | None
    state: str  # of the run, shown where there is no figure
    control: Estimate | None = None  # real images alone for as many iterations
    gain: Estimate | None = None  # ours less the control


@dataclass(frozen=True)
class Numbers:
    """A table of results; columns of equal name stand together."""

    rows: tuple[Number, ...]
    row_title: str
    column_title: str
    controlled: bool = False  # whether the control of equal length stands beside each figure


@dataclass(frozen=True)
class Grid:
    """Any other table."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[int, ...] = ()  # columns aligned to the right
    folded: str = ""  # a title to unfold it by


@dataclass(frozen=True)
class Picture:
    """An SVG."""

    name: str
    svg: str
    caption: str
    narrow: bool = False  # drawn for a phone's width: two fit beside each other


@dataclass(frozen=True)
class CheckItem:
    """A claim and its answer."""

    answer: str  # taken alone
    adjusted: str  # in the company of the page's other comparisons
    quote: str
    section: str
    criterion: str
    findings: tuple[Finding, ...]
    note: str = ""


@dataclass(frozen=True)
class Checklist:
    """Claims and their answers."""

    items: tuple[CheckItem, ...]


Block = Paragraph | Numbers | Grid | Picture | Checklist


@dataclass(frozen=True)
class Section:
    """A titled part of the report."""

    anchor: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Document:
    """The whole report."""

    title: str
    subtitle: str
    cards: tuple[tuple[str, str], ...]  # (figure, what it counts), at the top
    sections: tuple[Section, ...] = field(default_factory=tuple)

    def as_json(self) -> dict[str, Any]:
        """All of it but the pictures; each block with its kind."""
        shown = [[block for block in section.blocks if not isinstance(block, Picture)] for section in self.sections]
        plain = [[{"kind": type(block).__name__.lower(), **asdict(block)} for block in blocks] for blocks in shown]
        titles = [section.title for section in self.sections]
        sections = [{"title": title, "blocks": blocks} for title, blocks in zip(titles, plain, strict=True)]
        return {"title": self.title, "subtitle": self.subtitle, "cards": self.cards, "sections": sections}
