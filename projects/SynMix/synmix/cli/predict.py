"""Shows what a trained network finds in your own photographs: pictures, and one COCO file of predictions.

PNG and JPEG of any size, turned upright as their EXIF data say; a folder is searched with all below it. A second call
does only what is missing. Exit codes: 0 done; 1 a photograph could not be read, which is said, and the others are done;
2 the input is wrong.

uv run tools/predict.py photographs --config-file configs/mini.yaml MODEL.WEIGHTS output/mini/model_final.pth
"""

import argparse
from dataclasses import asdict
from pathlib import Path

from synmix.cli.parser import argument_parser
from synmix.cli.results import add_json, write_result_json
from synmix.cli.words import add_config, add_trust_pickle, config_of
from synmix.errors import UserError
from synmix.files import sha256_of
from synmix.kinds import Number, argument


def _parser() -> argparse.ArgumentParser:
    parser = argument_parser(__doc__)
    parser.add_argument("photographs", type=Path, metavar="FILE|FOLDER", help="a photograph, or a folder of them")
    add_config(parser, required=True)
    parser.add_argument(
        "--output", type=Path, default=Path("output/predicted"), metavar="DIR", help="gets pictures/, predictions.json"
    )
    parser.add_argument("--score", type=argument(Number(0, 1)), default=0.5, help="leave out what is less sure")
    parser.add_argument("--overwrite", action="store_true", help="predict everything anew")
    add_trust_pickle(parser)
    add_json(parser)
    return parser


def main() -> int:
    args = _parser().parse_intermixed_args()
    if "MODEL.WEIGHTS" not in args.opts[::2]:
        raise UserError("no trained weights are named; give what came of the config: MODEL.WEIGHTS FILE.")
    from synmix.predict.folder import PREDICTIONS, check_folder, predict_all
    from synmix.predict.photographs import find_photographs
    from synmix.predict.predictor import Predictor, classes_of, settled
    from synmix.train.folder import numbers_checksum
    from synmix.train.weights import fetch

    root, photographs = find_photographs(args.photographs, args.output)
    cfg = settled(config_of(args))
    classes, weights = classes_of(cfg), sha256_of(fetch(cfg.MODEL.WEIGHTS))
    cfg_of_any_file = cfg.clone()
    cfg_of_any_file.MODEL.WEIGHTS = ""
    settings = {"weights": weights, "config": numbers_checksum(cfg_of_any_file), "score": args.score}
    check_folder(args.output, settings, args.overwrite)
    info = {
        "description": f"predictions of '{Path(cfg.MODEL.WEIGHTS).name}' ({Path(args.config_file).name})",
        **settings,
    }

    def make_predictor() -> Predictor:
        return Predictor(cfg, args.score, args.trust_pickle)

    done = predict_all(root, photographs, args.output, make_predictor, classes, info, settings, args.overwrite)
    print(f"{done.made:,} photographs predicted, {done.kept:,} kept from earlier, {len(done.problems):,} not readable")
    print(f"wrote {args.output / PREDICTIONS}: {done.instances:,} instances; pictures are beside it")
    write_result_json(args.json, {"file": args.output / PREDICTIONS, **asdict(done), **info})
    return int(bool(done.problems))
