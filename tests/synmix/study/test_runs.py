"""A run's identity: equal trainings have one name, however they are asked for, and different ones do not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synmix.errors import UserError
from synmix.study.runs import config_of, from_plain, make_run, to_plain
from synmix.study.scale import Scale, load_scale, scale_of

PAPER, MINI = load_scale("paper"), load_scale("mini")
VALUES = {
    "SOLVER.MAX_ITER": st.sampled_from([24000, 300]),
    "SOLVER.MOMENTUM": st.sampled_from([0.9, 0.0]),
    "DATASETS.REMOVAL.person": st.sampled_from([None, 0, 60]),
    "DATALOADER.NUM_WORKERS": st.sampled_from([0, 4]),
    "LOG.PERIOD": st.sampled_from([20, 5]),
}
NEUTRAL = ("DATALOADER.NUM_WORKERS", "LOG.PERIOD")
overrides = st.fixed_dictionaries({}, optional=VALUES)


def trains(values: dict) -> dict:
    """What overrides of synscapes_3k.yaml come to: nothing where they say what it says anyway."""
    same = {"SOLVER.MAX_ITER": 24000, "SOLVER.MOMENTUM": 0.9, "DATASETS.REMOVAL.person": 0}
    kept = {key: value or 0 for key, value in values.items() if key not in NEUTRAL}
    return {key: value for key, value in kept.items() if same[key] != value}


@settings(max_examples=30, deadline=None)
@given(overrides, overrides, st.integers(0, 3), st.integers(0, 3))
def test_ids_are_equal_exactly_for_equal_trainings(first, second, seed, other):
    # STEPS are the config's own: a shorter training with the old drops is another one, which both sides have alike
    runs = [
        make_run("synscapes_3k.yaml", values, number, scale=PAPER)
        for values, number in ((first, seed), (second, other))
    ]
    assert (runs[0] == runs[1]) == ((trains(first), seed) == (trains(second), other))
    assert (runs[0].digest == runs[1].digest) == (trains(first) == trains(second))


@settings(max_examples=15, deadline=None)
@given(overrides, st.integers(0, 9))
def test_a_run_survives_json_and_takes_its_pretraining_to_its_seed(values, seed):
    run = make_run("finetune.yaml", values, scale=MINI).with_seed(seed)
    again = from_plain(to_plain(run))
    assert again == run and again.id == run.id and again.settings == run.settings
    assert run.init.seed == run.init.init.seed == seed and run.init.init.config == "mini_start.yaml"
    assert run.total_iterations == run.iterations + run.init.iterations + 1200


def test_processes_and_parts_are_what_a_step_computes():
    alone = make_run("mini.yaml")
    assert make_run("mini.yaml", processes=2) != alone
    assert make_run("mini.yaml", processes=2) == make_run("mini.yaml", {"SOLVER.ACCUMULATE": 2})
    assert make_run("mini.yaml", {"OUTPUT_DIR": "elsewhere", "MODEL.DEVICE": "cuda"}) == alone


def test_one_training_under_several_names():
    baseline = make_run("cityscapes.yaml", scale=PAPER)
    assert make_run("ratio.yaml", {"DATASETS.REAL_SHARE": 100}, scale=PAPER) == baseline
    assert (
        make_run("mixture.yaml", {"DATASETS.IMAGES": [2975, 0], "SOLVER.EPOCHS": 50}, scale=PAPER).iterations == 18594
    )
    assert make_run(
        "mixture.yaml", {"SOLVER.EPOCHS": None, "SOLVER.MAX_ITER": 143594, "SOLVER.STEPS": []}, scale=PAPER
    ) == (make_run("mixture.yaml", scale=PAPER))
    assert make_run("synscapes_20k_removal.yaml", {"DATASETS.REMOVAL.default": 0, "DATASETS.REMOVAL.person": 0}) == (
        make_run("synscapes_20k.yaml")
    )


def test_names_say_what_was_asked_for():
    run = make_run("mixture.yaml", {"DATASETS.IMAGES": [160, 0], "SOLVER.EPOCHS": 2.5}, 3, scale=MINI)
    assert run.id == f"mixture_IMAGES160-0_EPOCHS2.5_{run.digest}_seed3"


def test_what_it_starts_from():
    assert make_run("finetune.yaml").init == make_run("synscapes_20k_removal.yaml")
    assert make_run("cityscapes.yaml").init is None
    assert make_run("cityscapes.yaml", init="synscapes_3k.yaml").init == make_run("synscapes_3k.yaml")
    assert make_run("finetune.yaml", {"MODEL.WEIGHTS": "other.pth"}).init is None
    assert make_run("vehicle_keypoints/arm_a_mixed.yaml").init == make_run("vehicle_keypoints/carfusion_14pt.yaml")
    with pytest.raises(UserError, match="starts from itself"):
        make_run("cityscapes.yaml", init="cityscapes.yaml")


def test_the_config_of_a_run_is_what_was_asked_for(tmp_path):
    run = make_run("mixture.yaml", {"SOLVER.BASE_LR": 0.03}, 4, scale=MINI)
    cfg = config_of(run, tmp_path, tmp_path / "weights.pth")
    assert (cfg.SOLVER.BASE_LR, cfg.SOLVER.MAX_ITER, tuple(cfg.SOLVER.STEPS)) == (0.03, 450, (338, 412))
    assert (4, 4, str(tmp_path)) == (cfg.SEED, cfg.DATASETS.SEED, cfg.OUTPUT_DIR)
    assert tuple(cfg.DATASETS.TRAIN) == ("mini_cityscapes_instance_train", "mini_synscapes_instance_train")
    assert str(tmp_path / "weights.pth") == cfg.MODEL.WEIGHTS


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda: make_run("mixtur.yaml"), r"mixture\.yaml"),
        (lambda: make_run("mini.yaml", {"SOLVER.BASELR": 1}), r"SOLVER\.BASE_LR"),
        (lambda: make_run("mini.yaml", {"SOLVER.BASE_LR": "fast"}), "SOLVER.BASE_LR"),
        (lambda: make_run("mini.yaml", processes=0), "1 or more"),
        (lambda: load_scale("papr"), "Did you mean 'paper'.*keypoints, keypoints_mini, mini, paper"),
        (lambda: scale_of({"name": "x"}), "lacks the key"),
        (lambda: scale_of({**MINI.__dict__, "size": 3}), "unknown key 'size'"),
        (lambda: scale_of({**MINI.__dict__, "grid": {**MINI.grid, "lr": [float("inf")]}}), "not finite|grid"),
        (lambda: Scale(**{**MINI.__dict__, "configs": {"mixtur.yaml": {}}}), r"'mixtur\.yaml'.*mixture\.yaml"),
        (lambda: from_plain({"config": "mini.yaml"}), "damaged"),
        (lambda: from_plain({**to_plain(make_run("mini.yaml")), "seed": 5}), "edited"),
    ],
)
def test_mistakes_are_named(ask, sentence):
    with pytest.raises(UserError, match=sentence):
        ask()


@pytest.mark.parametrize("text", ["0", "- 1", "a: !!int b", "a: [", "a: ${"])
def test_a_scale_that_is_no_keys_and_values_is_named(tmp_path, text):
    path = tmp_path / "own.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=r"own.yaml' cannot be read"):
        load_scale(str(path))
