"""Assumptions of the rules, measured on a raw folder; most are about Synscapes, of whose labels no sample is public.

Each assumption is a row: a share, the range in which it holds, and the switch to use where it does not.
"""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from synmix.harmonize.auditing import Audit
from synmix.harmonize.rules import VEHICLES
from synmix.labels import RIDER


def _instances(audit: Audit) -> int:
    return sum(audit.tally.before.values())


def _vehicles(audit: Audit) -> int:
    return sum(audit.tally.before[label] for label in VEHICLES)


def _instance_pixels(audit: Audit) -> int:
    return int(audit.instances["pixels"].sum())


def _thing_pixels(audit: Audit) -> int:
    return _instance_pixels(audit) + audit.group_pixels


def _listed(audit: Audit) -> int:
    return _instances(audit) + audit.tally.cases["hidden_instance"]


Count = Callable[[Audit], int]


def _cases(rule: str) -> Count:
    return lambda audit: audit.tally.cases[rule]


def _pixels(rule: str) -> Count:
    return lambda audit: audit.tally.pixels[rule]


@dataclass(frozen=True)
class Assumption:
    """A share that should lie between ``low`` and ``high``; otherwise ``remedy`` says what to do."""

    statement: str
    part: Count
    whole: Count
    low: float
    high: float
    remedy: str
    merged: bool = False  # only of data sets in which a rider and the vehicle are one instance


ASSUMPTIONS: tuple[Assumption, ...] = (
    Assumption(
        "rider pixels lie in motorcycle and bicycle instances",
        lambda audit: (
            audit.tally.cases["rider_on_vehicle"]
            + audit.tally.cases["rider_sliver"]
            + audit.tally.cases["rider_without_vehicle"]
        ),
        _vehicles,
        0.05,
        1.0,
        "look at the pictures: if riders are called persons, use --rule person_on_vehicle=rider; if they have ids of "
        "their own, nothing needs to be split",
        merged=True,
    ),
    Assumption(
        "meta lists no rider instances",
        lambda audit: audit.tally.before[RIDER],
        _instances,
        0.0,
        0.0,
        "this folder already tells riders from vehicles; harmonising leaves them as they are",
        merged=True,
    ),
    Assumption(
        "person pixels in vehicles are rare",
        _cases("person_on_vehicle"),
        _vehicles,
        0.0,
        0.05,
        "if the pictures show riders there, use --rule person_on_vehicle=rider",
    ),
    Assumption(
        "riders under 10 pixels are rare",
        _cases("rider_sliver"),
        _vehicles,
        0.0,
        0.1,
        "if they are edge pixels of parked vehicles, use --rule rider_sliver=keep",
    ),
    Assumption(
        "vehicles that only show their rider are rare",
        _cases("rider_without_vehicle"),
        _vehicles,
        0.0,
        0.25,
        "if the pictures show vehicles there, use --rule rider_without_vehicle=keep",
    ),
    Assumption(
        "riders elsewhere (wheelchairs?) are rare",
        _cases("rider_elsewhere"),
        _instances,
        0.0,
        0.005,
        "if the pictures show pedestrians there, use --rule rider_elsewhere=keep",
    ),
    Assumption(
        "instances hold no other instance class's pixels",
        _pixels("other_thing_inside"),
        _instance_pixels,
        0.0,
        0.01,
        "the instance map may be the better one at edges: --rule other_thing_inside=keep",
    ),
    Assumption(
        "instances hold no stuff pixels",
        _pixels("stuff_inside"),
        _instance_pixels,
        0.0,
        0.02,
        "if the class map cuts windows or wheels out, --rule stuff_inside=keep fills them as Cityscapes does",
    ),
    Assumption(
        "meta and the class map agree on classes",
        _cases("class_disagrees"),
        _instances,
        0.0,
        0.01,
        "look at the pictures: if meta is right, use --rule class_disagrees=keep",
    ),
    Assumption(
        "meta lists every id of the instance map",
        _cases("id_not_in_meta"),
        _instances,
        0.0,
        0.01,
        "if the unlisted ones are no objects, use --rule id_not_in_meta=plain",
    ),
    Assumption(
        "pixels of instance classes carry an id",
        _pixels("thing_without_id"),
        _thing_pixels,
        0.0,
        0.02,
        "they become groups; if they are single objects, use --rule thing_without_id=parts",
    ),
    Assumption(
        "the class map holds label ids only",
        _pixels("unknown_label"),
        lambda audit: audit.image_pixels,
        0.0,
        0.001,
        "they become 'unlabeled'; fetch img/class again if they are not licence plates",
    ),
)


@dataclass(frozen=True)
class Finding:
    """An assumption and what was measured."""

    assumption: Assumption
    part: int
    whole: int

    @property
    def share(self) -> float:
        return self.part / self.whole if self.whole else 0.0

    @property
    def holds(self) -> bool:
        """Also where there was nothing to measure."""
        return not self.whole or self.assumption.low <= self.share <= self.assumption.high


def findings(audit: Audit, merged_riders: bool = True) -> list[Finding]:
    """Every assumption, measured on a raw folder.

    Args:
        merged_riders: a rider and the vehicle are one instance there.
    """
    chosen = [each for each in ASSUMPTIONS if merged_riders or not each.merged]
    return [Finding(each, each.part(audit), each.whole(audit)) for each in chosen]


@dataclass(frozen=True)
class Measure:
    """A number that tells conventions apart, comparable between data sets of different size."""

    name: str
    of: Callable[[Audit], float]


def _share(column: pl.Expr, *labels: int) -> Callable[[Audit], float]:
    def measure(audit: Audit) -> float:
        chosen = audit.instances.filter(pl.col("label").is_in(labels)) if labels else audit.instances
        return float(chosen.select(column.mean()).item() or 0.0) if len(chosen) else float("nan")

    return measure


def _per_frame(audit: Audit) -> float:
    return len(audit.instances) / audit.frames


def _median_per_frame(audit: Audit) -> float:
    counts = audit.instances.group_by("frame").len()["len"].to_list()
    return float(pl.Series(counts + [0] * (audit.frames - len(counts))).median() or 0)  # type: ignore[arg-type]


def _holes(audit: Audit) -> float:
    vehicles = audit.instances.filter(pl.col("label").is_in(VEHICLES))
    pixels = int(vehicles["pixels"].sum())
    return int(vehicles["hole_pixels"].sum()) / pixels if pixels else float("nan")


MEASURES: tuple[Measure, ...] = (
    Measure("instances a frame, mean", _per_frame),
    Measure("instances a frame, median", _median_per_frame),
    Measure("share under the metric's 100 pixels", _share(pl.col("pixels") < 100)),
    Measure("share under 0.05 thousandths of the image", _share(pl.col("share") < 0.05)),
    Measure("riders that touch a vehicle", _share(pl.col("partners") > 0, RIDER)),
    Measure("vehicles that touch a rider", _share(pl.col("partners") > 0, *sorted(VEHICLES))),
    Measure("vehicles that touch several riders", _share(pl.col("partners") > 1, *sorted(VEHICLES))),
    Measure("riders per motorcycle or bicycle", lambda audit: _ratio(audit)),
    Measure("enclosed stuff per vehicle pixel (holes)", _holes),
    Measure(
        "thing pixels without an instance (groups)", lambda audit: audit.group_pixels / max(1, _thing_pixels(audit))
    ),
)


def _ratio(audit: Audit) -> float:
    riders = audit.instances.filter(pl.col("label") == RIDER)
    vehicles = audit.instances.filter(pl.col("label").is_in(VEHICLES))
    return len(riders) / len(vehicles) if len(vehicles) else float("nan")
