"""The rules that turn Synscapes' labels into Cityscapes' (paper 3.2), as a table.

The paper gives one rule, ``rider_on_vehicle``; the others say what happens where the labels leave it open. Each rule
meets one situation; each of its choices is one of the actions of :data:`ACTIONS`. With the defaults no pixel ever
changes its class against the class map, since that is what both data sets mean the same by.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cityscapesscripts.helpers.labels import labels

from synmix.errors import UserError
from synmix.labels import BICYCLE, INSTANCE_LABELS, MOTORCYCLE, PERSON, RIDER

IGNORED_LABELS = frozenset(label.id for label in labels if label.hasInstances and label.ignoreInEval)
KNOWN_LABELS = frozenset(label.id for label in labels if label.id >= 0)
#: What a rider rides.
VEHICLES = frozenset({MOTORCYCLE, BICYCLE})
#: People's pixels that are fewer than this inside an instance are a sliver.
SLIVER_PIXELS = 10

#: What can happen to pixels whose class in the class map is C, inside an instance of class V.
ACTIONS: Mapping[str, str] = MappingProxyType(
    {
        "split": "become an instance of their own, of class C",
        "rider": "become a rider instance",
        "keep": "stay in the instance and take its class V, against the class map",
        "plain": "keep class C without an instance: a group where C has instances, else background",
        "void": "become 'unlabeled', which nothing scores or trains on",
        "parts": "become an instance of class C for each connected part",
        "error": "refuse the frame",
    }
)


@dataclass(frozen=True)
class Rule:
    """One situation, what happens by default, and what else may be chosen."""

    name: str
    situation: str
    choices: tuple[str, ...]  # of ACTIONS; the first is the default
    why: str  # why the default

    @property
    def default(self) -> str:
        return self.choices[0]


RULES: tuple[Rule, ...] = (
    Rule(
        "rider_on_vehicle",
        "rider pixels inside a motorcycle or bicycle",
        ("split", "parts", "keep"),
        "Paper 3.2. Riders that share a vehicle, and a rider torn apart by what hides him, are one instance: the "
        "labels cannot tell them from each other, and Cityscapes too gives a torn object one id.",
    ),
    Rule(
        "rider_sliver",
        f"the same, but fewer than {SLIVER_PIXELS} rider pixels",
        ("split", "plain", "keep"),
        "The paper says 'if any of the pixels'; the metric scores nothing below 100 pixels anyway.",
    ),
    Rule(
        "rider_without_vehicle",
        "a motorcycle or bicycle of which only rider pixels are visible",
        ("split", "plain", "keep"),
        "Follows from the paper's rule: the vehicle is reduced to nothing.",
    ),
    Rule(
        "vehicle_without_rider",
        "a motorcycle or bicycle without rider pixels: parked, or its rider is hidden",
        ("keep", "plain"),
        "Cityscapes labels parked vehicles one by one, and as a group only where they cannot be told apart.",
    ),
    Rule(
        "person_on_vehicle",
        "person pixels inside a motorcycle or bicycle",
        ("split", "rider", "plain", "keep"),
        "Cityscapes calls who pushes a vehicle a person and who rides it a rider; the class map says which.",
    ),
    Rule(
        "rider_elsewhere",
        "rider pixels inside an instance that is neither: a wheelchair's user, if Synscapes labels one so",
        ("split", "plain", "keep"),
        "Cityscapes counts whoever moves on a wheelchair, a horse or a board as a rider.",
    ),
    Rule(
        "sliver_elsewhere",
        f"fewer than {SLIVER_PIXELS} person pixels on such a vehicle, or rider pixels in an instance that is none",
        ("plain", "split", "keep"),
        "The paper's 'any of the pixels' is of riders on their vehicles. Elsewhere a few pixels are an edge's, and as "
        "instances they would be the first that a percentile removes.",
    ),
    Rule(
        "other_thing_inside",
        "pixels of another instance class inside an instance: a car's that the class map calls a bus",
        ("plain", "split", "keep", "void"),
        "Mostly mixed pixels along edges; a group takes them out of scoring and training without a false instance.",
    ),
    Rule(
        "stuff_inside",
        "pixels of a class without instances inside an instance: a pole before a car, a wheelchair (dynamic)",
        ("plain", "keep", "void"),
        "Cityscapes' instances never hold another class's pixels.",
    ),
    Rule(
        "class_disagrees",
        "most of an instance's pixels are of another class than meta says (riders on vehicles aside)",
        ("split", "keep", "plain"),
        "The class map decides everywhere else too; 'keep' believes meta.",
    ),
    Rule(
        "id_not_in_meta",
        "an id in the instance map that meta does not list",
        ("split", "plain", "void"),
        "It is an object with an outline; the class map and the id itself say which.",
    ),
    Rule(
        "thing_without_id",
        "pixels of an instance class that carry id 0",
        ("plain", "parts", "void"),
        "A group is what Cityscapes makes of objects that nobody told apart.",
    ),
    Rule(
        "ignored_class",
        "caravans and trailers, which have instances but are not evaluated",
        ("split", "plain"),
        "Cityscapes numbers them too, and its metric knows them as neither class nor void.",
    ),
    Rule(
        "too_many",
        "more than 1000 instances of a class in a frame, the smallest beyond",
        ("plain",),
        "Cityscapes' ids have room for 1000.",
    ),
    Rule(
        "hidden_instance",
        "an instance that meta lists but no pixel shows",
        ("void",),
        "There is nothing to label.",
    ),
    Rule(
        "unknown_label",
        "a value of the class map that is no Cityscapes label id",
        ("void", "error"),
        "A licence plate (-1) may be stored as 255; the summary counts them.",
    ),
)
_ANY = frozenset(label.id for label in labels)
#: Which rule meets pixels of a class (second) inside an instance of another class (first); the first line that fits.
SITUATIONS: tuple[tuple[frozenset[int], frozenset[int], str], ...] = (
    (VEHICLES, frozenset({RIDER}), "rider_on_vehicle"),
    (VEHICLES, frozenset({PERSON}), "person_on_vehicle"),
    (_ANY, frozenset({RIDER}), "rider_elsewhere"),
    (_ANY, INSTANCE_LABELS, "other_thing_inside"),
    (_ANY, KNOWN_LABELS, "stuff_inside"),
)
#: What takes a rule's place where fewer than SLIVER_PIXELS pixels are met.
SLIVERS: Mapping[str, str] = MappingProxyType(
    {
        "rider_on_vehicle": "rider_sliver",
        "person_on_vehicle": "sliver_elsewhere",
        "rider_elsewhere": "sliver_elsewhere",
    }
)
RULE_OF_NAME: Mapping[str, Rule] = MappingProxyType({rule.name: rule for rule in RULES})


def choose(choices: Mapping[str, str] | None = None) -> dict[str, str]:
    """Every rule's action: the default, or what ``choices`` says.

    Raises:
        UserError: no such rule, or not one of its choices.
    """
    chosen = {rule.name: rule.default for rule in RULES}
    for name, action in (choices or {}).items():
        if name not in RULE_OF_NAME:
            raise UserError(f"unknown rule '{name}'; known: {', '.join(RULE_OF_NAME)}.")
        if action not in RULE_OF_NAME[name].choices:
            raise UserError(
                f"rule '{name}' cannot be '{action}'; choose one of {', '.join(RULE_OF_NAME[name].choices)}."
            )
        chosen[name] = action
    return chosen


def table() -> str:
    """The rules as text, for ``--help``."""
    return "\n".join(f"  {rule.name}: {'|'.join(rule.choices)}\n      {rule.situation}" for rule in RULES)


def markdown() -> str:
    """The rules and their choices as docs/harmonize.md shows them."""
    rules = ["| rule | situation | choices | why the default |", "|---|---|---|---|"]
    rules += [f"| `{rule.name}` | {rule.situation} | {', '.join(rule.choices)} | {rule.why} |" for rule in RULES]
    actions = ["| choice | the pixels |", "|---|---|", *(f"| {name} | {what} |" for name, what in ACTIONS.items())]
    between = ["", "The choices, for pixels of class C inside an instance of class V:", ""]
    return "\n".join([*rules, *between, *actions])
