"""A trained network that predicts as the evaluation does, one image at a time, in any size.

Shape legend: H, W are an image's height and width, M the instances found.
"""

import numpy as np
import torch
from detectron2.config import CfgNode
from detectron2.data import DatasetMapper
from detectron2.data import transforms as T
from detectron2.modeling.meta_arch import GeneralizedRCNN
from detectron2.modeling.postprocessing import detector_postprocess
from detectron2.structures import Instances

from synmix.config_classes import number_of_classes
from synmix.data import coco, sources
from synmix.errors import UserError
from synmix.evaluate.cityscapes_format import Predictions
from synmix.evaluate.evaluator import crops_of
from synmix.evaluate.masks import Crop, from_crops
from synmix.labels import CLASS_NAMES
from synmix.progress import console
from synmix.train.checkpoint import trained_model
from synmix.train.run import check_classes, with_device
from synmix.train.speed import inference


def settled(cfg: CfgNode) -> CfgNode:
    """A copy of a config for predicting: on the CPU where it asks for a GPU that is not here, which is said. (For a
    training that would take months; a photograph takes seconds.)

    Raises:
        UserError: the network predicts no masks.
    """
    cfg = cfg.clone()
    cfg.defrost()
    if cfg.MODEL.DEVICE.startswith("cuda") and not torch.cuda.is_available():
        console.print(f"MODEL.DEVICE is {cfg.MODEL.DEVICE}, but no usable GPU is here: predicting on the CPU")
        cfg.MODEL.DEVICE = "cpu"
    if not cfg.MODEL.MASK_ON:
        raise UserError("MODEL.MASK_ON is False, so the network predicts no masks; give a config of one that does.")
    return with_device(cfg)


def classes_of(cfg: CfgNode) -> tuple[str, ...]:
    """The classes that a config's network tells apart: ``DATASETS.CLASSES``, else those of the data sets that it names;
    their files are not asked for.

    Raises:
        UserError: a data set is unknown, or has another number of classes than the network.
    """
    coco.register_all(cfg.DATASETS.COCO, cfg.DATASETS.CLASSES)
    names = [*cfg.DATASETS.TRAIN, *cfg.DATASETS.TEST]
    check_classes(cfg, names)
    number = number_of_classes(cfg)[1] or cfg.MODEL.ROI_HEADS.NUM_CLASSES
    if names or cfg.DATASETS.CLASSES:
        return tuple(cfg.DATASETS.CLASSES) or sources.source(names[0]).classes
    return CLASS_NAMES if number == len(CLASS_NAMES) else tuple(f"class {place}" for place in range(1, number + 1))


class Predictor:
    """The network of a config with ``MODEL.WEIGHTS``.

    Args:
        cfg: of :func:`settled`.
        least_score: what is less sure is left out.

    Raises:
        UserError: the weights are missing, damaged, or of another network.
    """

    def __init__(self, cfg: CfgNode, least_score: float, trust_pickle: bool = False) -> None:
        self._model, _ = trained_model(cfg, trust_pickle)
        self._model.eval()
        self._resize: T.AugmentationList = DatasetMapper(cfg, is_train=False).augmentations  # the evaluation's own
        self._cfg, self._least_score = cfg, least_score

    def __call__(self, image: np.ndarray) -> Predictions:
        """What is found in an image: masks at its own size, categories from 0, scores; the surest first.

        Args:
            image: (H, W, 3) uint8, RGB.
        """
        height, width = image.shape[:2]
        ordered = image[:, :, ::-1] if self._cfg.INPUT.FORMAT == "BGR" else image
        shown = T.AugInput(np.ascontiguousarray(ordered))
        self._resize(shown)
        tensor = torch.as_tensor(np.ascontiguousarray(shown.image.transpose(2, 0, 1)))
        with inference(self._cfg):
            found = self._found({"image": tensor, "height": height, "width": width})
            found = found[found.scores >= self._least_score]
            crops = [crop for index in range(len(found)) for crop in self._crops(found[index : index + 1], image.shape)]
        # Detectron2 leaves out boxes without area while it brings them to the image's size, hence the masks one by one
        kept = [index for index, crop in enumerate(crops) if crop is not None]
        masks = from_crops([crop for crop in crops if crop is not None], (height, width))
        categories = found.pred_classes.cpu().numpy().astype(np.int64)[kept]
        return Predictions(masks, categories, found.scores.cpu().double().numpy()[kept])

    def _found(self, shown: dict) -> Instances:
        """The network's instances, not yet at the image's size where it can leave them so: a hundred full masks of a
        large photograph are gigabytes."""
        if isinstance(self._model, GeneralizedRCNN):
            return self._model.inference([shown], do_postprocess=False)[0]
        return self._model([shown])[0]["instances"]

    def _crops(self, one: Instances, shape: tuple[int, ...]) -> list[Crop | None]:
        if isinstance(self._model, GeneralizedRCNN):
            one = detector_postprocess(one, shape[0], shape[1])
        return list(crops_of(one.pred_masks)) or [None]
