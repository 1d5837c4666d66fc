"""The words that commands share: an option that several have is described here once, and means the same in all."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synmix.cli.parser import completed
from synmix.kinds import COUNT, SIZE, argument

if TYPE_CHECKING:
    from synmix.study.scale import Scale
    from synmix.study.store import Store

Options = argparse.ArgumentParser | argparse._ArgumentGroup


def add_config(parser: argparse.ArgumentParser, group: Options | None = None, required: bool = False) -> None:
    """``--config-file``, ``--import`` and the keys to change; :func:`config_of` reads them.

    Args:
        group: where the help shows the two options.
    """
    shown = group or parser
    shown.add_argument(
        "--config-file", default="", required=required, metavar="FILE", help="a YAML file, such as those of configs/"
    )
    shown.add_argument(
        "--import",
        dest="imports",
        action="append",
        default=[],
        metavar="MODULE",
        help="a module of one's own with data sets, a model, a mapper or an evaluator (repeatable)",
    )
    opts = parser.add_argument(
        "opts", nargs="*", metavar="KEY VALUE", help="keys of the config to change (docs/keys.md)"
    )
    completed(opts, lambda _: _key_names())


def config_of(arguments: argparse.Namespace, *further: str) -> Any:
    """The config that :func:`add_config`'s words describe, and ``further`` keys."""
    from synmix.config import load_config  # here: it takes a second

    return load_config(arguments.config_file, [*arguments.opts, *further], arguments.imports)


def add_store(parser: argparse.ArgumentParser, scale: str = "paper") -> None:
    """``--scale`` and ``--store``; :func:`scale_and_store` reads them."""
    from synmix.study.scale import scale_names

    names = scale_names()
    shown = parser.add_argument("--scale", default=scale, metavar="NAME", help=f"{', '.join(names)}, or a file")
    completed(shown, lambda _: names)
    parser.add_argument("--store", type=Path, metavar="DIR", help="the results store (default: runs/<scale>)")


def scale_and_store(arguments: argparse.Namespace) -> tuple["Scale", "Store"]:
    """What :func:`add_store`'s words name."""
    from synmix.study.scale import load_scale
    from synmix.study.store import Store

    scale = load_scale(arguments.scale)
    return scale, Store(arguments.store or Path("runs") / scale.name)


def add_data_set(parser: Options, *words: str, **options: Any) -> None:
    """An argument that names registered data sets."""
    completed(parser.add_argument(*words, metavar="DATASET", **options), lambda _: _data_sets())


def add_num_gpus(parser: Options) -> None:
    """``--num-gpus``, Detectron2's word for the ranks of the run that a command is."""
    text = "processes on this machine, one for each GPU"
    parser.add_argument("--num-gpus", type=argument(SIZE), default=1, metavar="N", help=text)


def add_num_workers(parser: Options, more: str = "") -> None:
    """``--num-workers``; 0 is all cores."""
    text = f"processes{more} (default: all cores)"
    parser.add_argument("--num-workers", type=argument(COUNT), default=0, metavar="N", help=text)


def add_trust_pickle(parser: Options) -> None:
    """``--trust-pickle``."""
    text = "load .pkl weights of any origin: they can run code"
    parser.add_argument("--trust-pickle", action="store_true", help=text)


def _data_sets() -> list[str]:
    from synmix.data.sources import names

    return names()


def _key_names() -> list[str]:
    from synmix.keys import TABLE

    return [key.name for key in TABLE]
