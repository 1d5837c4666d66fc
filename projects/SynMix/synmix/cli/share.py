"""Makes a folder of a training that others can use: weights as safetensors, config, manifest, results, a model card.

uv run tools/share.py output/mini --output shared/given --upload OWNER/NAME   # with a token in HF_TOKEN, and only then
uv run tools/share.py output/mini --output shared/answered --answer output/answer/answer.md
uv run tools/share.py output/mini --output shared/mini
"""

import argparse
import os
from pathlib import Path

from synmix.cli.parser import argument_parser
from synmix.errors import UserError


def _parser() -> argparse.ArgumentParser:
    parser = argument_parser(__doc__)
    parser.add_argument("run", type=Path, metavar="RUN", help="the OUTPUT_DIR of a training, or a run of a store")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="the folder to write")
    parser.add_argument("--name", help="of the model (default: the folder's)")
    parser.add_argument("--answer", type=Path, metavar="FILE", help="answer.md of tools/answer.py, for the card")
    parser.add_argument("--upload", metavar="OWNER/NAME", help="to the Hugging Face hub, with the token of HF_TOKEN")
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
    if args.upload:
        print(f"uploaded: {upload(args.output, args.upload, token)}")
