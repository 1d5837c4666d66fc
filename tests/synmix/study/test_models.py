"""The model as an axis of a study: every training follows it, and the report says if the answer changes."""

from dataclasses import replace

import pytest
from tests.synmix.report.test_report import record

from synmix.errors import UserError
from synmix.report.estimates import Estimates
from synmix.report.models import models_section
from synmix.report.report_model import Grid
from synmix.study.experiments import REAL, STUDY, all_runs, control, training
from synmix.study.scale import load_scale, model_names

MINI, PAPER = load_scale("mini"), load_scale("paper")
WEIGHTS = "MODEL.WEIGHTS"


def test_the_configs_own_model_has_a_name_too():
    assert training(PAPER.with_model("pointrend"), "mixture.yaml") == training(PAPER, "mixture.yaml")
    assert PAPER.with_model("") is PAPER and PAPER.with_model("mask_rcnn") is PAPER.with_model("mask_rcnn")


@pytest.mark.parametrize("model", sorted({*model_names()} - {"pointrend"}))
def test_every_training_and_its_start_have_the_model(model):
    for scale in (MINI, PAPER):
        plain, changed = (all_runs([STUDY.experiment("finetune", each)]) for each in (scale, scale.with_model(model)))
        assert len(changed) == len(plain) and not {run.digest for run in changed} & {run.digest for run in plain}
        for before, after in zip(plain, changed, strict=True):
            assert before.config == after.config and before.iterations == after.iterations
            if before.settings.get(WEIGHTS, "").startswith("output/"):
                assert after.settings[WEIGHTS] == before.settings[WEIGHTS]


def test_other_backbones_start_from_their_own_weights():
    run = training(PAPER.with_model("pointrend_x101"), "cityscapes.yaml")
    assert run.settings[WEIGHTS].endswith("X-101-32x8d.pkl") and not run.settings.get("TEST.PUBLISHED")


def test_an_unknown_model_is_a_sentence():
    with pytest.raises(UserError, match=r"unknown model 'mask_rcn'. Did you mean 'mask_rcnn'\?"):
        MINI.with_model("mask_rcn")


def test_keypoints_have_no_such_model():
    scale = load_scale("keypoints_mini").with_model("mask_rcnn")
    experiments = scale.described().STUDY.experiments.values()
    with pytest.raises(UserError, match=r"'mask_rcnn' segments instances, but the scale 'keypoints_mini' finds keyp"):
        all_runs(build(scale) for build in experiments)


@pytest.mark.parametrize(("better", "verdict"), [(0.75, "another answer"), (0.4, "no other answer shown")])
def test_the_report_says_whether_the_answer_changes(better, verdict):
    records = []
    for scale, skills in ((PAPER, (0.4, 0.4)), (PAPER.with_model("mask_rcnn"), (0.4, better))):
        mixture = training(scale, "mixture.yaml")
        for run, skill in zip((control(scale, mixture), mixture), skills, strict=True):
            records += [record(run.with_seed(seed), PAPER, {REAL: skill}) for seed in range(3)]
    estimates = Estimates([replace(one, folder=f"run_{index}") for index, one in enumerate(records)], PAPER)
    (section,) = models_section(estimates)
    (table,) = (block for block in section.blocks if isinstance(block, Grid))
    assert [row[0] for row in table.rows] == ["the configs' own", "mask_rcnn"] and table.rows[1][-1] == verdict


def test_one_model_needs_no_section():
    run = training(PAPER, "mixture.yaml")
    assert models_section(Estimates([record(run, PAPER, {REAL: 0.4})], PAPER)) == []
