"""Does synthetic data help? The whole chain on the drawn miniature, on a CPU: draws it, harmonises, trains real images
alone and a mixture side by side for equally many iterations, evaluates both on both domains, and gives the gain, the
verdict, and a page of pictures. A second call reuses what is there.

uv run tools/demo.py
"""

from pathlib import Path

from synmix.cli.parser import argument_parser
from synmix.cli.results import add_json, write_result_json
from synmix.config_files import CONFIGS
from synmix.kinds import SIZE, argument
from synmix.progress import console

_CONFIG = CONFIGS / "demo.yaml"


def main() -> None:
    """Runs the demo and says where its page is."""
    parser = argument_parser(__doc__)
    parser.add_argument("--output", type=Path, default=Path("output/demo"), metavar="DIR", help="results and pictures")
    parser.add_argument("--config-file", type=Path, default=_CONFIG, metavar="FILE", help="the mixture")
    parser.add_argument(
        "--num-seeds", type=argument(SIZE), default=1, metavar="N", help="trainings a side; 3 can decide"
    )
    add_json(parser)
    arguments = parser.parse_args()
    console.print("loading PyTorch and Detectron2 ...")
    from synmix.demo import Demo, run_demo  # here: it takes some seconds, after the line above

    try:
        page, verdict = run_demo(Demo(arguments.config_file, arguments.output, arguments.num_seeds))
    except KeyboardInterrupt:
        raise KeyboardInterrupt("the next call goes on from here") from None
    console.print(f"pictures: {page.resolve()}")
    write_result_json(arguments.json, verdict.as_json())
