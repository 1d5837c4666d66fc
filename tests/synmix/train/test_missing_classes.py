"""A class that a data set does not label: seen, said, and left out of the loss of its images where that is wanted."""

import pytest
import torch
from detectron2.layers import ShapeSpec
from detectron2.modeling.box_regression import Box2BoxTransform
from detectron2.modeling.roi_heads.fast_rcnn import FastRCNNOutputLayers
from detectron2.structures import Boxes, Instances
from detectron2.utils.events import EventStorage
from torch import nn

from synmix.compose.missing import labelled_elsewhere, nowhere, warnings
from synmix.config import get_config
from synmix.data import sources
from synmix.data.sources import DataSource
from synmix.errors import UserError
from synmix.labels import CLASS_NAMES
from synmix.train.missing_classes import leave_out_missing

RIDER, CAR, BACKGROUND, FEATURES = 1, 2, len(CLASS_NAMES), 6


class Heads(nn.Module):
    """A model that is a box head: mapped dicts hold features and classes of their proposals."""

    def __init__(self):
        super().__init__()
        self.predictor = FastRCNNOutputLayers(
            ShapeSpec(channels=FEATURES), box2box_transform=Box2BoxTransform((1, 1, 1, 1)), num_classes=BACKGROUND
        )

    def forward(self, batch):
        predictions = self.predictor(torch.cat([record["features"] for record in batch]))
        return self.predictor.losses(predictions, [record["proposals"] for record in batch])


def image(data_set, classes, features=None):
    boxes = Boxes(torch.tensor([[0.0, 0.0, 8.0, 8.0]]).repeat(len(classes), 1))
    proposals = Instances((32, 32), proposal_boxes=boxes, gt_boxes=boxes, gt_classes=torch.tensor(classes))
    return {"dataset": data_set, "features": features, "proposals": proposals}


@pytest.fixture
def two_sets(monkeypatch):
    """'town' labels all classes, 'drawn' no riders and, as 'town' does, no trains."""
    for name, missing in {"town": ("train",), "drawn": ("rider", "train")}.items():
        member = DataSource(name, "real", list, list, missing=missing)
        monkeypatch.setitem(sources._SOURCES, name, member)
    cfg = get_config()
    cfg.DATASETS.TRAIN, cfg.DATASETS.MISSING_CLASSES = ("town", "drawn"), "ignore"
    return cfg


def losses(model, *batch):
    with EventStorage():
        return model(list(batch))


def test_what_one_set_labels_and_another_does_not(two_sets):
    members = [sources.source(name) for name in two_sets.DATASETS.TRAIN]
    assert labelled_elsewhere(members) == {"drawn": ("rider",)} and nowhere(members) == ["train"]
    first, second = warnings(members, ignored=False)
    assert first.startswith("'drawn' does not label 'rider'") and "unlearns" in first and "ignore" in first
    assert "labels 'train'" in second
    assert "are left out" in warnings(members, ignored=True)[0]
    assert warnings(members[:0], ignored=False) == []


def test_a_missing_class_gets_no_gradient_from_that_sets_images(two_sets):
    torch.manual_seed(0)
    model = Heads()
    leave_out_missing(two_sets, model)
    features = torch.randn(5, FEATURES)
    drawn = image("drawn", [CAR, BACKGROUND], features[:2])
    town = image("town", [RIDER, CAR, BACKGROUND], features[2:])
    losses(model, drawn)["loss_cls"].backward()
    weight = model.predictor.cls_score.weight.grad
    assert torch.all(weight[RIDER] == 0) and torch.all(weight[CAR] != 0) and torch.all(weight[BACKGROUND] != 0)
    weight.zero_()
    losses(model, town)["loss_cls"].backward()
    assert torch.all(weight[RIDER] != 0)
    scores = model.predictor.cls_score(features).detach()
    scores[:2, RIDER] = -torch.inf
    expected = nn.functional.cross_entropy(scores, torch.tensor([CAR, BACKGROUND, RIDER, CAR, BACKGROUND]))
    assert losses(model, drawn, town)["loss_cls"].item() == pytest.approx(expected.item())


def test_background_leaves_the_loss_as_it_is(two_sets):
    two_sets.DATASETS.MISSING_CLASSES = "background"
    model = Heads()
    leave_out_missing(two_sets, model)
    assert not model._forward_pre_hooks and "losses" not in vars(model.predictor)


@pytest.mark.parametrize(("choice", "kept"), [("background", False), ("ignore", True)])
def test_a_class_that_one_set_labels_is_not_unlearned_by_the_other(two_sets, choice, kept):
    """Riders look the same in both; one set labels them, the other, with three times as many, does not."""
    torch.manual_seed(0)
    two_sets.DATASETS.MISSING_CLASSES = choice
    model = Heads()
    leave_out_missing(two_sets, model)
    rider, car, street = torch.eye(FEATURES)[:3]
    town = image("town", [RIDER, CAR, BACKGROUND], torch.stack([rider, car, street]))
    drawn = image("drawn", [BACKGROUND] * 3 + [CAR], torch.stack([rider, rider, rider, car]))
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    for _ in range(300):
        optimizer.zero_grad()
        losses(model, town, drawn)["loss_cls"].backward()
        optimizer.step()
    with torch.no_grad():
        chances = torch.softmax(model.predictor(torch.stack([rider, car]))[0], dim=1)
    assert (chances[0, RIDER] > 0.9) == kept and (chances[0, RIDER] < 0.4) != kept
    assert chances[1, CAR] > 0.9


def test_a_model_without_such_a_head_is_refused(two_sets):
    with pytest.raises(UserError, match="Linear has none of Detectron2's box heads"):
        leave_out_missing(two_sets, nn.Linear(1, 1))
    two_sets.DATASETS.TRAIN = ("town",)
    leave_out_missing(two_sets, nn.Linear(1, 1))  # nothing to leave out
