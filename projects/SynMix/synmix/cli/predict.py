"""Shows what a trained network finds in your own photographs: pictures, and one COCO file of predictions.

  uv run tools/predict.py photographs --config-file configs/mini.yaml --weights output/mini/model_final.pth \\
      --output predicted

PNG and JPEG of any size, turned upright as their EXIF data say; a folder is searched with all below it. A second call
does only what is missing. KEY VALUE pairs change keys of the config. Exit codes: 0 done; 1 a photograph could not be
read, which is said, and the others are done; 2 the input is wrong.
"""

import argparse
from pathlib import Path

from synmix.errors import argument_parser
from synmix.files import sha256_of
from synmix.kinds import Number, argument


def _parser() -> argparse.ArgumentParser:
    parser = argument_parser(__doc__)
    parser.add_argument("photographs", type=Path, metavar="FILE|FOLDER", help="a photograph, or a folder of them")
    parser.add_argument("--config-file", required=True, metavar="CONFIG", help="the config that was trained")
    parser.add_argument("--weights", required=True, metavar="FILE.pth", help="the weights that came of it")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="gets pictures/ and predictions.json")
    parser.add_argument(
        "--score", type=argument(Number(0, 1)), default=0.5, help="leave out what is less sure (default %(default)s)"
    )
    parser.add_argument("--overwrite", action="store_true", help="predict everything anew")
    parser.add_argument("--trust-pickle", action="store_true", help="load weights of any origin: they can run code")
    parser.add_argument("options", nargs="*", metavar="KEY VALUE", help="config keys to change")
    return parser


def main() -> int:
    args = _parser().parse_intermixed_args()
    from synmix.config import load_config  # here, since it brings torch
    from synmix.predict.folder import PREDICTIONS, check_folder, predict_all
    from synmix.predict.photographs import find_photographs
    from synmix.predict.predictor import Predictor, classes_of, settled
    from synmix.train.folder import numbers_checksum
    from synmix.train.weights import fetch

    root, photographs = find_photographs(args.photographs, args.output)
    cfg = settled(load_config(args.config_file, args.options), args.weights)
    classes, weights = classes_of(cfg), sha256_of(fetch(args.weights))
    cfg_of_any_file = cfg.clone()
    cfg_of_any_file.MODEL.WEIGHTS = ""
    settings = {"weights": weights, "config": numbers_checksum(cfg_of_any_file), "score": args.score}
    check_folder(args.output, settings, args.overwrite)
    info = {"description": f"predictions of '{Path(args.weights).name}' ({Path(args.config_file).name})", **settings}

    def make_predictor() -> Predictor:
        return Predictor(cfg, args.score, args.trust_pickle)

    done = predict_all(root, photographs, args.output, make_predictor, classes, info, settings, args.overwrite)
    print(f"{done.made:,} photographs predicted, {done.kept:,} kept from earlier, {len(done.problems):,} not readable")
    print(f"wrote {args.output / PREDICTIONS}: {done.instances:,} instances; pictures are beside it")
    return int(bool(done.problems))
