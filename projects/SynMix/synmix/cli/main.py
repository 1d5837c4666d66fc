"""``synmix COMMAND``: finds a command and runs it; what a command needs is imported with it, and not before."""

import difflib
import os
import re
import sys
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import NoReturn

import synmix
from synmix.cli.parser import COMPLETING, CONSOLE, Parser
from synmix.errors import UserError, run_tool
from synmix.extras import HOW, need


@dataclass(frozen=True)
class Command:
    """A sub-command: the module of this package whose ``main`` it is, and what it does in a line."""

    module: str
    about: str
    former: str = ""  # the name of its file in tools/ or datasets/, which is understood too


#: In the order of ``synmix --help``.
COMMANDS = {
    "demo": Command("demo", "does synthetic data help? the whole chain on a drawn miniature"),
    "make-mini": Command("make_mini", "draw the miniature data sets"),
    "prepare": Command("prepare", "write the harmonised, Cityscapes-format copy of a data set"),
    "prepare-synscapes": Command("prepare_synscapes", "the same for Synscapes"),
    "audit-labels": Command("audit_labels", "compare the labelling conventions of data sets"),
    "audit-keypoints": Command("audit_keypoints", "is the flip map of vehicle keypoints right?"),
    "visualize": Command("visualize_data", "draw the labels of data sets", "visualize-data"),
    "compose": Command("compose", "show what a config trains on, without training"),
    "choose-removal": Command("choose_removal", "choose which share of each class's labels to remove"),
    "show-removal": Command("show_removal", "one frame at several removal thresholds"),
    "plan": Command("plan", "what to train on under a budget"),
    "train": Command("train_net", "train and evaluate what a config describes", "train-net"),
    "evaluate": Command("eval_cityscapes", "score masks with error bars, compare models", "eval-cityscapes"),
    "predict": Command("predict", "a trained network on your own photographs"),
    "export": Command("export", "labels or predictions as a COCO file"),
    "share": Command("share", "a training as a folder for a model hub"),
    "answer": Command("answer", "does it help, how much, what next: from a table of results"),
    "gate": Command("gate", "does mixing pay, by terms sealed beforehand?"),
    "sweep": Command("sweep", "train a run or a sweep of them with Hydra"),
    "study": Command("study", "a whole study: what it consists of, and what is missing of it"),
    "report": Command("report", "every table and figure of a study beside its runs"),
}
_NAMES = {name: name for name in COMMANDS} | {one.former: name for name, one in COMMANDS.items() if one.former}


def main() -> NoReturn:
    """The console command."""
    run_tool(_dispatch)


def run(name: str) -> NoReturn:
    """A file of tools/ or datasets/: one command, with the arguments of this process."""
    run_tool(partial(_start, name))


def _dispatch() -> int | None:
    words = sys.argv[1:]
    if COMPLETING in os.environ:
        words = _to_complete()
    if not words or words[0] in ("-h", "--help"):
        print(_help())
        return 0
    if words[0] == "--version":
        print(f"synmix {synmix.__version__}")
        return 0
    name = _NAMES.get(words[0].replace("_", "-"))
    if name is None:
        raise UserError(f"there is no command '{words[0]}'.{_close(words[0])} All of them: synmix --help.")
    sys.argv = [f"{CONSOLE}{name}", *words[1:]]
    return _start(name)


def _to_complete() -> list[str]:
    """The command that a shell asks to complete the words of; where it asks for commands, they are the answer."""
    typed = os.environ["COMP_LINE"][: int(os.environ["COMP_POINT"])]
    words = f"{typed}|".split()[1:-1]  # whole ones
    if words and words[0].replace("_", "-") in _NAMES:
        os.environ[COMPLETING] = str(int(os.environ[COMPLETING]) + 1)  # the parser's words begin a word later
        return words[:1]
    parser = Parser(prog="synmix")
    parser.add_argument("--version", action="store_true")
    parser.add_argument("command", choices=COMMANDS)
    parser.parse_args()  # answers, and ends
    return []


def _start(name: str) -> int | None:
    if name == "sweep":
        need(HOW["sweep"], hydra="Hydra")
    try:
        code: int | None = import_module(f"synmix.cli.{COMMANDS[name].module}").main()
    except UserError as error:
        if sys.argv[0].startswith(CONSOLE):
            error.args = (_by_commands(str(error)),)
        raise
    return code


def _by_commands(text: str) -> str:
    """Names the commands instead of the files of tools/ and datasets/, which a wheel has not."""
    names = {command.module: name for name, command in COMMANDS.items()}
    known = "|".join(names)
    return re.sub(
        rf"(?<![\w/.])(?:uv run )?(?:tools|datasets)/({known})\.py", lambda file: CONSOLE + names[file[1]], text
    )


def _close(word: str) -> str:
    found = difflib.get_close_matches(word.replace("_", "-"), _NAMES, n=3, cutoff=0.5)
    names = list(dict.fromkeys(f"'{_NAMES[name]}'" for name in found))
    return f" Close to it: {', '.join(names)}." if names else ""


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {command.about}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            "usage: synmix COMMAND [ARGUMENTS]    (synmix COMMAND --help shows what it takes, with examples)",
            "",
            "When does synthetic data help instance segmentation, how much of it, and how sure are we?",
            "",
            *lines,
            "",
            "  --version  show the version",
            "  --debug    with any command: show the traceback of an error",
        ]
    )
