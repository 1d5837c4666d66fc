"""The table of every config key that is read here: its default, its kind and range, and what it means. Torch-free.

``TABLE`` is the one place for these facts: the config is built and checked by it (``config.py``), and it makes
docs/keys.md (``uv run .ci/tables``). Keys without a default are Detectron2's.
"""

from typing import Any

from synmix.kinds import (
    ABOVE_ZERO,
    COUNT,
    FACTOR,
    FLAG,
    LARGEST,
    SHARE,
    SIZE,
    Anything,
    Choice,
    Entry,
    Flag,
    Key,
    Kind,
    Many,
    Maybe,
    Name,
    Number,
    Pattern,
    Row,
    Text,
    Whole,
    unread,
)
from synmix.model_keys import MODEL_KEYS

NAMES = Many(Name("a data set's name"))
PERCENT = Number(0, 100)

# fmt: off
TABLE: tuple[Key, ...] = (
    Key("IMPORTS", Many(Pattern(r"[^\W\d]\w*(\.[^\W\d]\w*)*", "a Python module, e.g. 'my_package.my_module'")),
        "Python modules imported when the config is loaded; they register data sets, evaluators, parts of models", []),
    # What is trained on (paper 4.1, 4.2)
    Key("DATASETS.TRAIN", NAMES, "the data sets trained on together"),
    Key("DATASETS.TEST", NAMES, "the data sets evaluated on"),
    Key("DATASETS.CLASSES", Many(Name("a class's name"), distinct=True),
        "the classes that are trained and scored, in the model's order; () takes those that the data sets have, the "
        "eight of Cityscapes unless said otherwise (docs/compose.md)", ()),
    Key("DATASETS.IMAGES", Many(Whole(-1)),
        "images taken of each data set of TRAIN, in its order; -1 takes all; () takes all of each", ()),
    Key("DATASETS.TOTAL_IMAGES", COUNT, "or: so many images in all; 0 leaves it to IMAGES", 0),
    Key("DATASETS.REAL_SHARE", Maybe(PERCENT, "real images first, then synthetic ones, as in Table 4"),
        "the percentage of TOTAL_IMAGES that is real (paper 4.2, Figure 5)", None),
    Key("DATASETS.REPEAT", Many(SIZE),
        "how often an epoch sees each image of a data set, in TRAIN's order (for small real sets); () is once", ()),
    Key("DATASETS.REMOVAL.default", Maybe(PERCENT, "0"),
        "percentage of each class's labels removed, smallest first (paper 4.1); of synthetic training sets only", None),
    Key("DATASETS.REMOVAL.*", Maybe(PERCENT, "the default's"),
        "the same for one class, one of the eight, of CLASSES or of those a data set has", None),
    Key("DATASETS.REMOVAL_SCOPE", Choice(("chosen", "data_set")),
        "what the percentage is taken of: the labels of the chosen images (paper 4.1), or of the whole data set "
        "(a larger choice then keeps exactly the labels of a smaller one)", "chosen"),
    Key("DATASETS.REMOVAL_BY", Choice(("pixels", "box_height", "visible", "occlusion", "truncation", "distance")),
        "which labels are removed first: the smallest in pixels (paper 4.1), or by another rule, where a data set has "
        "what it asks for (docs/compose.md)", "pixels"),
    Key("DATASETS.MISSING_CLASSES", Choice(("background", "ignore")),
        "what a class is that a data set does not label but another one does: background there, or left out of the "
        "classification loss of its images (docs/data.md)", "background"),
    Key("DATASETS.SEED", COUNT, "the seed of the choice of images", 0),
    Key("DATASETS.COCO", Many(Entry()),
        "further data sets in COCO's format: a list of {name, annotations, images, domain, categories} "
        "(docs/compose.md)", []),
    Key("DATASETS.PROPOSAL_FILES_TRAIN", unread(()), "precomputed proposals"),
    Key("DATASETS.PROPOSAL_FILES_TEST", unread(()), "precomputed proposals"),
    Key("DATALOADER.NUM_WORKERS", Whole(0, 1024),
        "processes of each rank that load images; 0 loads in the rank itself"),
    Key("DATALOADER.FILTER_EMPTY_ANNOTATIONS", FLAG, "leave out images without a label"),
    Key("DATALOADER.ON_DAMAGED", Choice(("stop", "replace")),
        "what an image that cannot be read does to a run: stop it, or be replaced by another of its data set", "stop"),
    Key("DATALOADER.START_METHOD", Choice(("fork", "forkserver", "spawn")),
        "how the loader's workers begin: fork shares the parent's memory and is there at once, the others import and "
        "copy everything", "fork"),
    Key("DATALOADER.PREFETCH", SIZE, "batches that each worker keeps ready, in shared memory", 2),
    Key("DATALOADER.PIN_MEMORY", FLAG, "images in page-locked memory, from where a copy to the GPU is faster", False),
    Key("DATALOADER.ASPECT_RATIO_GROUPING", unread(False),
        "batches of one orientation only; all data sets here are wide, and exact resume needs none", False),
    Key("DATALOADER.SAMPLER_TRAIN", unread("TrainingSampler"), "the sampler; REPEAT says how often images are seen"),
    Key("DATALOADER.REPEAT_THRESHOLD", unread(0.0), "of another sampler"),
    # How images are shown
    Key("INPUT.FORMAT", Choice(("BGR", "RGB")), "the order of the colours"),
    Key("INPUT.MASK_FORMAT", Choice(("polygon", "bitmask")),
        "how labels of COCO data sets become masks; PointRend needs bitmask"),
    Key("INPUT.MIN_SIZE_TRAIN", Many(SIZE, least=1),
        "pixels of an image's shorter side in training, drawn anew for each image"),
    Key("INPUT.MIN_SIZE_TRAIN_SAMPLING", Choice(("choice", "range")),
        "one of MIN_SIZE_TRAIN, or anything between its two"),
    Key("INPUT.MAX_SIZE_TRAIN", SIZE, "pixels that the longer side has at most in training"),
    Key("INPUT.MIN_SIZE_TEST", COUNT, "pixels of the shorter side in evaluation; 0 leaves images as they are"),
    Key("INPUT.MAX_SIZE_TEST", SIZE, "pixels that the longer side has at most in evaluation"),
    Key("INPUT.RANDOM_FLIP", Choice(("horizontal", "vertical", "none")), "mirror half of the training images"),
    Key("INPUT.CROP.ENABLED", FLAG, "crop training images"),
    Key("INPUT.CROP.TYPE", Choice(("relative_range", "relative", "absolute", "absolute_range")),
        "how CROP.SIZE is meant"),
    Key("INPUT.CROP.SIZE", Many(ABOVE_ZERO, 2, 2), "height and width of crops, up to 1 where they are relative"),
    Key("INPUT.RESIZE", Choice(("pillow", "opencv")),
        "pillow resizes training images bit for bit as Detectron2 does; opencv differs by a few levels and is "
        "faster until compiled code is loaded, or where that is not used", "pillow"),
    Key("INPUT.MAPPER", Text(), "'' or one's own mapper of training images, 'my_package.mappers:make': given the "
        "config, it returns what makes a model's input of a Detectron2 dict (docs/models.md)", ""),
    # For how long and how fast
    Key("SOLVER.IMS_PER_BATCH", SIZE, "images a step, of all processes and parts together"),
    Key("SOLVER.ACCUMULATE", SIZE,
        "parts in which each process works through its share of a step, adding up their gradients: processes x "
        "parts counts, so 1 GPU with 4 parts trains as the paper's 4 GPUs x 2 images do", 1),
    Key("SOLVER.EPOCHS", Maybe(ABOVE_ZERO, "the length is MAX_ITER"), "length in epochs of the composed set", None),
    Key("SOLVER.MAX_ITER", SIZE, "length in iterations, where EPOCHS is None"),
    Key("SOLVER.STEP_FRACTIONS", Many(Number(0, 1, open_low=True, open_high=True)),
        "where the learning rate drops, as fractions of the training, where EPOCHS is given or STEPS is (): the "
        "paper's 18k and 22k of 24k iterations (3.3)", (18 / 24, 22 / 24)),
    Key("SOLVER.STEPS", Many(SIZE, ascending=True),
        "the iterations at which the learning rate drops; () leaves it to STEP_FRACTIONS"),
    Key("SOLVER.GAMMA", FACTOR, "the factor of a drop"),
    Key("SOLVER.LR_SCHEDULER_NAME", Choice(("WarmupMultiStepLR", "WarmupCosineLR")),
        "drops at STEPS, or a cosine down to 0"),
    Key("SOLVER.BASE_LR", FACTOR, "the learning rate after warm-up"),
    Key("SOLVER.MOMENTUM", Number(0, 1, open_high=True),
        "of SGD; the effective learning rate is BASE_LR / (1 - MOMENTUM) (paper 4.3)"),
    Key("SOLVER.NESTEROV", FLAG, "Nesterov's momentum"),
    Key("SOLVER.WEIGHT_DECAY", FACTOR, "decay of the weights"),
    Key("SOLVER.WEIGHT_DECAY_NORM", Maybe(FACTOR, "WEIGHT_DECAY"), "decay of the weights of normalisations"),
    Key("SOLVER.WEIGHT_DECAY_BIAS", Maybe(FACTOR, "WEIGHT_DECAY"), "decay of biases"),
    Key("SOLVER.BIAS_LR_FACTOR", Maybe(FACTOR, "1"), "the learning rate of biases, times BASE_LR"),
    Key("SOLVER.WARMUP_ITERS", COUNT, "iterations over which the learning rate rises"),
    Key("SOLVER.WARMUP_FACTOR", SHARE, "the share of BASE_LR that warm-up starts at"),
    Key("SOLVER.WARMUP_METHOD", Choice(("linear", "constant")), "how the learning rate rises"),
    Key("SOLVER.CHECKPOINT_PERIOD", SIZE, "iterations between two checkpoints"),
    Key("SOLVER.KEEP_CHECKPOINTS", COUNT,
        "so many of the latest stay on disk, beside model_best and model_final; 0 keeps all", 2),
    Key("SOLVER.CLIP_GRADIENTS.ENABLED", FLAG, "clip gradients"),
    Key("SOLVER.OPTIMIZER", Choice(("SGD", "AdamW")), "what takes the steps; AdamW has no use for MOMENTUM", "SGD"),
    Key("SOLVER.BACKBONE_MULTIPLIER", FACTOR, "of the backbone's learning rate; AdamW's alone heeds it", 1.0),
    Key("SOLVER.CLIP_GRADIENTS.CLIP_TYPE", Choice(("value", "norm", "full_model")),
        "clip each value, each parameter's norm, or the norm of all together"),
    Key("SOLVER.CLIP_GRADIENTS.CLIP_VALUE", ABOVE_ZERO, "what gradients are clipped to"),
    Key("SOLVER.CLIP_GRADIENTS.NORM_TYPE", ABOVE_ZERO, "the p of the norm"),
    Key("MODEL.PARTIAL_WEIGHTS", FLAG,
        "begin with what fits of MODEL.WEIGHTS and leave the rest at random, logged by name (fine-tuning to other "
        "classes)", False),
    Key("SOLVER.AMP.ENABLED", FLAG, "train with mixed precision"),
    Key("SOLVER.AMP.DTYPE", Choice(("float16", "bfloat16")),
        "what it multiplies in; float16 scales losses against its small range", "float16"),
    Key("SOLVER.REFERENCE_WORLD_SIZE", unread(0),
        "Detectron2's scaling of batch and rate; processes x ACCUMULATE replaces it"),
    Key("SEED", Whole(-1, 2**31 - 1), "of weights, order and augmentations; -1 draws one"),
    Key("OUTPUT_DIR", Name("a folder"), "where everything of a training is written"),
    Key("VERSION", Choice((2,)), "of Detectron2's configs"),
    Key("VIS_PERIOD", COUNT,
        "iterations between two pictures that the model itself draws into TensorBoard; 0 draws none"),
    # What is evaluated and reported
    Key("TEST.EVAL_PERIOD", COUNT, "iterations between two evaluations; 0 evaluates at the end alone"),
    Key("TEST.DETECTIONS_PER_IMAGE", SIZE, "the most objects predicted in an image"),
    Key("TEST.BEST_METRIC", Text(),
        "the figure whose best checkpoint is kept, e.g. 'cityscapes_instance_val/segm/AP' ('segm/AP' with a "
        "single data set in DATASETS.TEST); '' keeps none", ""),
    Key("TEST.BOOTSTRAP.RESAMPLES", COUNT,
        "resamples of the images for the confidence intervals; 0 leaves these out", 1000),
    Key("TEST.BOOTSTRAP.CONFIDENCE", Number(0, 1, open_low=True, open_high=True), "of the intervals", 0.95),
    Key("TEST.BOOTSTRAP.SEED", COUNT, "of the resamples", 0),
    Key("TEST.COCO", FLAG, "also report pycocotools' figures for data sets in COCO's format", False),
    Key("TEST.AMP", FLAG, "inference in half precision (torch.autocast); figures then differ by what rounding does",
        False),
    Key("TEST.PUBLISHED", Many(Row({"data set": Name(), "metric": Name(), "value": Number(), "where": Text()})),
        "what the paper reports for this training, printed beside our figures", []),
    Key("TEST.KEYPOINT_OKS_SIGMAS", Many(ABOVE_ZERO), "of each keypoint, for OKS"),
    Key("TEST.EXPECTED_RESULTS", unread([]), "figures that Detectron2's own tool checks; PUBLISHED replaces it"),
    Key("TEST.AUG.ENABLED", unread(False), "evaluation on several sizes"),
    Key("TEST.PRECISE_BN.ENABLED", unread(False), "batch statistics taken anew"),
    Key("LOG.PERIOD", SIZE, "iterations between two lines of metrics", 20),
    Key("LOG.PICTURES", COUNT,
        "pictures of training inputs at the start, and of predictions at each evaluation; 0 draws none", 4),
    Key("LOG.WRITERS", Many(Choice(("tensorboard", "wandb", "trackio")), distinct=True),
        "where all figures go beside metrics.json: TensorBoard's files, Weights & Biases, Trackio (docs/train.md)",
        ("tensorboard",)),
    Key("LOG.PROJECT", Name("a project's name"), "the project that wandb and trackio report to", "synmix"),
    # Speed; none of these changes what is learnt, but for rounding
    Key("SPEED.CHANNELS_LAST", FLAG,
        "images and convolutions in channels-last memory order, which tensor cores prefer", False),
    Key("SPEED.TF32", Maybe(FLAG, "PyTorch's own choice, and so Detectron2's: in convolutions only"),
        "19-bit products on Ampere and later, in convolutions and matrix products", None),
    Key("SPEED.COMPILE_BACKBONE", FLAG,
        "torch.compile of the backbone; pays only where image sizes seldom change", False),
    Key("SPEED.PACKED_MASKS", FLAG,
        "masks travel to the GPU as one map of instance numbers, and targets are read from it, instead of a full "
        "frame for each", False),
    Key("SPEED.PROFILE", COUNT,
        "iterations to profile, ten after the start, as a chrome trace each in OUTPUT_DIR/profile/; 0 profiles none",
        0),
    Key("CUDNN_BENCHMARK", FLAG, "let cuDNN try its algorithms for each image size"),
    *MODEL_KEYS,
)
# fmt: on

_BY_NAME = {key.name: key for key in TABLE}


def find(name: str) -> Key | None:
    """The key of this name, None where the table has none."""
    return _BY_NAME.get(name) or _BY_NAME.get(f"{name.rpartition('.')[0]}.*")


def default_of(name: str) -> Any:
    """The default of a key of ours."""
    return _BY_NAME[name].default


def kind_like(default: Any) -> Kind:
    """The kind of a key of Detectron2's that the table leaves out: any value of its default's type."""
    kinds = {bool: Flag(), int: Whole(-LARGEST), float: Number(), str: Text(), type(None): Anything()}
    return kinds.get(type(default), Many(Anything()))


def markdown() -> str:
    """The table of docs/keys.md."""
    lines = ["| Key | Default | Give | Meaning |", "| --- | --- | --- | --- |"]
    for key in TABLE:
        default = f"`{key.default!r}`" if key.is_own else ""
        cells = (f"`{key.name}`", default, key.kind.what, key.meaning)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)
