"""The console command: every tool is a sub-command, and a mistyped one is told what is close to it."""

import ast
import importlib
import sys

import pytest

from synmix.cli.main import COMMANDS, main
from synmix.config_files import CONFIGS
from synmix.files import read_json, write_json

FILES = sorted([*CONFIGS.parent.glob("tools/*.py"), *CONFIGS.parent.glob("datasets/*.py")])


@pytest.fixture
def synmix(monkeypatch, capsys):
    """Calls the command: exit code, standard output and standard error."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["/usr/bin/synmix", *words])
        with pytest.raises(SystemExit) as stop:
            main()
        return stop.value.code, *capsys.readouterr()

    return call


def test_help_names_every_command_and_imports_none(synmix):
    code, shown, _ = synmix()
    assert code == 0 and synmix("--help")[1] == shown
    assert all(f"  {name} " in shown for name in COMMANDS)
    assert synmix("--version")[1].startswith("synmix ")


@pytest.mark.parametrize("word, close", [("evalute", "'evaluate'"), ("plam", "'plan'"), ("trainnet", "'train'")])
def test_an_unknown_command_names_the_close_ones(synmix, word, close):
    code, _, said = synmix(word)
    assert code == 2 and f"there is no command '{word}'." in said and close in said
    assert "Close" not in synmix("xyzzy")[2]


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_a_main_and_a_file_of_its_own(name):
    module = COMMANDS[name].module
    assert callable(importlib.import_module(f"synmix.cli.{module}").main)
    (file,) = [path for path in FILES if path.stem == module]
    (call,) = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
    assert ast.literal_eval(call.args[0]) == name and len(FILES) == len(COMMANDS)


def test_a_command_shows_examples_of_itself(synmix):
    code, shown, _ = synmix("plan", "--help")
    assert code == 0 and "usage: synmix plan" in shown and "\nsynmix plan --iterations 80000" in shown
    assert "uv run" not in shown and shown.endswith("\nsynmix plan --iterations 80000\n")


def test_an_error_names_commands_where_the_files_are_not(synmix, tmp_path, monkeypatch):
    monkeypatch.setenv("DETECTRON2_DATASETS", str(tmp_path))
    said = synmix("compose", "--config-file", "mini.yaml")[2]
    assert "Run synmix make-mini, which draws" in said and ".py" not in said
    assert "tools/mine.py" in synmix("compose", "--config-file", "tools/mine.py")[2]  # a reader's own file


def test_the_help_of_a_sub_command_names_debug(synmix):
    assert all("--debug" in synmix(*words, "--help")[1] for words in (("gate", "judge"), ("choose-removal", "match")))


def test_the_names_of_the_files_are_understood(synmix):
    assert "usage: synmix evaluate" in synmix("eval_cityscapes", "--help")[1]


def test_a_users_mistake_is_a_sentence(synmix):
    assert synmix("plan", "--iterations", "0")[0] == 2
    assert synmix("compose")[0] == 2


def test_a_missing_extra_is_named(synmix, monkeypatch):
    monkeypatch.setattr("synmix.extras.is_installed", lambda module: False)
    code, _, said = synmix("sweep")
    assert (code, said) == (2, "error: Hydra is not installed; this brings it: pip install 'synmix[sweep]'\n")


def test_json_holds_what_is_printed(synmix, tmp_path):
    file = tmp_path / "plan.json"
    assert synmix("plan", "--iterations", "80000", "--json", str(file))[0] == 0
    found = read_json(file)
    assert (found["real"], found["synthetic"], found["epochs"]) == (2975, 9825, 50.0)
    results = []
    for percent, ap in ((0, 30.0), (30, 30.5), (60, 12.0)):
        path = tmp_path / f"{percent}.json"
        write_json(path, {"classes": {"car": {"AP": ap}}})
        results.append(f"{percent}={path}")
    assert synmix("choose-removal", "sweep", *results, "--json", str(file))[0] == 0
    assert read_json(file)["classes"]["car"] == {"percent": 30, "best": 30.5, "value": 30.5, "interval": None}
