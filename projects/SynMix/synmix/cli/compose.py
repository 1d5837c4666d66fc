"""Shows what a config trains on, without training: images, labels kept and removed, thresholds, checksum.

uv run tools/compose.py --config-file configs/mini.yaml --json manifest.json DATASETS.REMOVAL.person 60
uv run tools/compose.py --compare output/a/manifest.json output/b/manifest.json   # exit code 1 where they differ
"""

import argparse
from pathlib import Path

from synmix.cli.parser import argument_parser
from synmix.cli.results import add_json, write_result_json
from synmix.cli.words import add_config, config_of
from synmix.compose.manifest import differences, read_manifest
from synmix.compose.manifest_text import summary
from synmix.errors import UserError


def main() -> int:
    args = _parser().parse_intermixed_args()
    if args.compare:
        first, second = args.compare
        return _compare(first, second, args.json)
    if not args.config_file:
        raise UserError("nothing to do; give --config-file, or --compare with two manifests.")
    return _compose(args)


def _parser() -> argparse.ArgumentParser:
    parser = argument_parser(__doc__)
    parser.add_argument("--compare", nargs=2, type=Path, metavar="MANIFEST", help="compare two manifests instead")
    add_config(parser)
    add_json(parser)
    return parser


def _compose(args: argparse.Namespace) -> int:
    from synmix.compose.budget import describe_schedule, resolve_schedule
    from synmix.compose.composition import CompositionSpec, compose

    cfg = config_of(args)
    composition = compose(CompositionSpec.from_config(cfg))
    resolve_schedule(cfg, composition.num_images)
    manifest = composition.manifest()
    print(summary(manifest))
    print(describe_schedule(cfg, composition.num_images))
    for warning in composition.warnings():
        print(f"note: {warning}")
    write_result_json(args.json, manifest)
    return 0


def _compare(first: Path, second: Path, json: Path | None) -> int:
    a, b = read_manifest(first), read_manifest(second)
    phrases, equal = differences(a, b), a["checksum"] == b["checksum"]
    for phrase in phrases:
        print(phrase)
    write_result_json(json, {"equal": equal, "differences": phrases})
    print("the same training set" if equal else "different training sets")
    return 0 if equal else 1
