"""A picture of predictions: test frames with their labels, and what models of two arms make of them.

uv run python -m vehicle_keypoints.gallery --scale keypoints_mini --output predictions.jpg
"""

from pathlib import Path

import synmix.before_detectron2  # noqa: F401

import cv2
import numpy as np
import torch
from torch import nn

from synmix.cli.parser import argument_parser
from synmix.cli.words import add_store, scale_and_store
from synmix.config import build_model
from synmix.data.images import read_rgb
from synmix.errors import UserError, run_tool
from synmix.files import atomic_path
from synmix.study.execute import WEIGHTS
from synmix.study.runs import config_of
from synmix.study.scale import Scale
from synmix.study.store import Store
from synmix.train.checkpoint import SafeCheckpointer
from vehicle_keypoints import evaluator  # noqa: F401  registers the data sets
from vehicle_keypoints.average_precision import Predictions
from vehicle_keypoints.pictures import draw_vehicles, legend, panel
from vehicle_keypoints.published import TITLES
from vehicle_keypoints.sources import registered_frames
from vehicle_keypoints.study import ARMS_OF_FLIP, REAL, arm

_WIDTH = 380


def model_of(scale: Scale, name: str, seed: int, store: Store) -> nn.Module:
    """The finished model of an arm, ready to predict.

    Raises:
        UserError: it is not finished.
    """
    run = arm(scale, name).with_seed(seed)
    weights = store.folder(run) / WEIGHTS
    if store.status(run).state != "finished" or not weights.is_file():
        raise UserError(f"'{run.id}' is not finished in '{store.root}'; run it first.")
    model = build_model(config_of(run, store.folder(run)))
    SafeCheckpointer(model).load(str(weights), checkpointables=[])
    return model.eval()


def predict(model: nn.Module, image: np.ndarray) -> Predictions:
    """The confident predictions for one (H, W, 3) RGB image, at the image's own size."""
    height, width = image.shape[:2]
    bgr = torch.as_tensor(np.ascontiguousarray(image[:, :, ::-1].transpose(2, 0, 1)))
    with torch.no_grad():
        instances = model([{"image": bgr, "height": height, "width": width}])[0]["instances"].to("cpu")
    boxes, keypoints = instances.pred_boxes.tensor.numpy(), instances.pred_keypoints.numpy()
    return Predictions(instances.scores.numpy(), boxes, keypoints).confident()


def gallery(scale: Scale, store: Store, seed: int = 0, count: int = 3) -> np.ndarray:
    """(H, W, 3) RGB: a row for each frame with its labels and the predictions of both flip arms. The frames are spread
    evenly over those that show one large vehicle, not chosen by how well they are predicted."""
    frames, schema, _ = registered_frames(scale.data_set(REAL))
    single = [frame for frame in frames if len(frame.boxes) == 1]
    areas = [float(np.prod(frame.boxes[0, 2:] - frame.boxes[0, :2])) for frame in single]
    large = [frame for frame, area in zip(single, areas, strict=True) if area >= np.percentile(areas, 60)]
    chosen = [large[index] for index in np.linspace(0, len(large) - 1, count).round().astype(int)]
    models = [model_of(scale, name, seed, store) for name in ARMS_OF_FLIP]
    rows: list[np.ndarray] = []
    for frame in chosen:
        image = read_rgb(frame.image)
        found = [(frame.boxes, frame.keypoints)]
        for prediction in (predict(model, image) for model in models):
            visible = prediction.keypoints.copy()
            visible[..., 2] = 2
            visible[:, -1, 2] = 0  # the centre is never labelled, so what is predicted for it means nothing
            found.append((prediction.boxes, visible))
        captions = ("labels", *(TITLES[name] for name in ARMS_OF_FLIP))
        pictures = [draw_vehicles(image, *pair, schema, _WIDTH / frame.width) for pair in found]
        rows.append(np.hstack([panel(picture, text) for picture, text in zip(pictures, captions, strict=True)]))
    return np.vstack([*rows, legend(rows[0].shape[1])])


def write_gallery(scale: Scale, store: Store, path: Path) -> Path:
    """Writes :func:`gallery` as a JPEG."""
    encoded = cv2.imencode(".jpg", gallery(scale, store)[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
    with atomic_path(path) as temporary:
        temporary.write_bytes(encoded.tobytes())
    return path


def main() -> None:
    """Draws from the finished runs of a store."""
    parser = argument_parser(__doc__)
    add_store(parser, "keypoints")
    parser.add_argument("--output", type=Path, default=Path("predictions.jpg"), metavar="FILE", help="the picture")
    arguments = parser.parse_args()
    print(f"wrote {write_gallery(*scale_and_store(arguments), arguments.output)}")


if __name__ == "__main__":
    run_tool(main)
