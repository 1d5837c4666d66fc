"""Shows what a config trains on, without training: images, labels kept and removed, thresholds, checksum.

uv run tools/compose.py --config-file configs/mini.yaml --json manifest.json DATASETS.REMOVAL.person 60
uv run tools/compose.py --compare output/a/manifest.json output/b/manifest.json   # exit code 1 where they differ
"""

import argparse
from pathlib import Path

from synmix.compose.manifest import differences, read_manifest, write_manifest
from synmix.compose.manifest_text import summary
from synmix.errors import UserError, argument_parser


def main() -> int:
    args = _parser().parse_intermixed_args()
    if args.compare:
        return _compare(*args.compare)
    if not args.config_file:
        raise UserError("nothing to do; give --config-file, or --compare with two manifests.")
    return _compose(args.config_file, args.json, args.options)


def _parser() -> argparse.ArgumentParser:
    parser = argument_parser(__doc__)
    parser.add_argument("--config-file", help="the training's config")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the manifest there")
    parser.add_argument("--compare", nargs=2, type=Path, metavar="MANIFEST", help="compare two manifests instead")
    parser.add_argument("options", nargs="*", metavar="KEY VALUE", help="config keys to change")
    return parser


def _compose(config_file: str, json_file: Path | None, options: list[str]) -> int:
    from synmix.compose.budget import describe_schedule, resolve_schedule
    from synmix.compose.composition import CompositionSpec, compose
    from synmix.config import load_config  # here, since it brings torch

    cfg = load_config(config_file, options)
    composition = compose(CompositionSpec.from_config(cfg))
    resolve_schedule(cfg, composition.num_images)
    manifest = composition.manifest()
    print(summary(manifest))
    print(describe_schedule(cfg, composition.num_images))
    for warning in composition.warnings():
        print(f"note: {warning}")
    if json_file:
        write_manifest(json_file, manifest)
        print(f"wrote {json_file}")
    return 0


def _compare(first: Path, second: Path) -> int:
    a, b = read_manifest(first), read_manifest(second)
    for phrase in differences(a, b):
        print(phrase)
    equal = a["checksum"] == b["checksum"]
    print("the same training set" if equal else "different training sets")
    return 0 if equal else 1
