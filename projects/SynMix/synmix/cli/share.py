"""Makes a folder of a training that others can use: weights as safetensors, config, manifest, results, a model card.

uv run tools/share.py output/mini --output shared/given --upload OWNER/NAME   # with a token in HF_TOKEN, and only then
uv run tools/share.py output/mini --output shared/answered --answer output/answer/answer.md
uv run tools/share.py output/mini --output shared/mini
"""

import argparse
import os
from pathlib import Path

from synmix.cli.parser import argument_parser
from synmix.cli.results import add_json, write_result_json
from synmix.errors import UserError


def _parser() -> argparse.ArgumentParser:
    parser = argument_parser(__doc__)
    parser.add_argument("run", type=Path, metavar="RUN", help="the OUTPUT_DIR of a training, or a run of a store")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="the folder to write")
    parser.add_argument("--name", help="of the model (default: the folder's)")
    parser.add_argument("--answer", type=Path, metavar="FILE", help="answer.md of tools/answer.py, for the card")
    parser.add_argument("--upload", metavar="OWNER/NAME", help="to the Hugging Face hub, with the token of HF_TOKEN")
    add_json(parser)
    return parser


def main() -> None:
    """Writes the folder, and uploads it where that is asked for."""
    args = _parser().parse_args()
    token = os.environ.get("HF_TOKEN", "")
    if args.upload and not token:
        raise UserError("--upload needs a token; set HF_TOKEN to one that may write.")
    from synmix.export.share import read_training, upload, write_share

    write_share(read_training(args.run), args.output, args.name or args.output.name, args.answer)
    print(f"wrote {args.output}: look at its README.md before you give it away")
    files = sorted(path.relative_to(args.output).as_posix() for path in args.output.rglob("*") if path.is_file())
    address = upload(args.output, args.upload, token) if args.upload else None
    if address:
        print(f"uploaded: {address}")
    write_result_json(args.json, {"folder": args.output, "files": files, "uploaded": address})
