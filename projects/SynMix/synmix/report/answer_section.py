"""What a report opens with: the answer that the study's own runs give."""

from synmix.answer.answer import answer
from synmix.answer.figures import pictures
from synmix.answer.sentences import four_sentences, headline, notes
from synmix.errors import UserError
from synmix.report.estimates import Estimates
from synmix.report.report_model import Block, Paragraph, Picture, Section, Tone
from synmix.study.answering import table_of
from synmix.study.experiments import REAL, training

_TONES: dict[str, Tone] = {"helps": "good", "does not help": "bad", "open": "open"}
PICTURES: dict = {}


def opening(estimates: Estimates) -> list[Section]:
    """The answer alone, for a scale that asks nothing else."""
    return [answer_section(estimates)]


def closing(estimates: Estimates) -> list[Section]:
    """Nothing."""
    return []


def answer_section(estimates: Estimates) -> Section:
    """The verdict, the four sentences, their figures, and how far to trust them; or what is to be run first."""
    try:
        mixture = training(estimates.scale, "mixture.yaml")
        found = answer(table_of(estimates.records, estimates.scale.data_set(REAL), "the store", mixture))
    except UserError as missing:
        run = f"uv run tools/study.py run answer --scale {estimates.scale.name}"
        return Section("verdict", "The answer", (Paragraph(f"Not yet: {missing} The runs: {run}"),))
    blocks: list[Block] = [Paragraph(headline(found), _TONES[found.verdict])]
    blocks += [Paragraph(sentence) for sentence in four_sentences(found, below_headline=True)]
    blocks += [
        Picture(f"answer-{drawn.name}", drawn.svg, f"{drawn.title}. {drawn.caption}", narrow=True)
        for drawn in pictures(found)
    ]
    blocks.append(Paragraph(" ".join(notes(found)), "dim"))
    return Section("verdict", "The answer", tuple(blocks))
