"""Each name that compat restores is needed by Detectron2 0.6 where it is missing, and left alone where it is not."""

import importlib
import importlib.metadata
import importlib.util
import subprocess
import sys
from pathlib import Path

import synmix.before_detectron2  # noqa: F401

import pytest
import torch

PINNED = Path(importlib.metadata.distribution("pb1-detectron2").locate_file(""))
needs_the_pinned = pytest.mark.skipif(
    not Path(importlib.util.find_spec("detectron2").origin).is_relative_to(PINNED),
    reason="another Detectron2 is in the place of the pinned one: it need not miss the same names",
)


def run(code: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False)


#: name: what takes it away, what restores it alone, what of Detectron2 needs it
NAMES = {
    "pillow": (
        "import PIL.Image as I; vars(I).pop('LINEAR', None)",
        "c._restore_pillow()",
        "detectron2.data.transforms",
    ),
    "operators": ("", "sys.meta_path.append(c._OperatorStub())", "detectron2.layers"),
}


@needs_the_pinned
@pytest.mark.parametrize("name", NAMES)
def test_detectron2_needs_each_restored_name(name):
    removed, _, use = NAMES[name]
    others = "\n".join(restore for other, (_, restore, _) in NAMES.items() if other != name)
    done = run(f"""
{removed}
import synmix.compat as c, sys
{others}
try:
    import {use}
except (AttributeError, ImportError):
    c.restore()
    c.restore()
    import {use}
else:
    raise SystemExit("the name is not needed any more: drop it from compat")
""")
    assert done.returncode == 0, done.stderr


def test_numpy_bool_is_there_and_an_existing_one_is_kept():
    use = "import synmix.before_detectron2, detectron2;"
    code = f"import numpy; before = vars(numpy).get('bool'); {use} assert numpy.bool is (before or numpy.bool_)"
    assert run(code).returncode == 0
    missing = f"import numpy; vars(numpy).pop('bool', None); {use} assert 'bool' in vars(numpy)"
    assert run(missing).returncode == 0


def test_existing_names_stay_as_they_are():
    use = "import synmix.before_detectron2, detectron2;"
    code = f"import PIL.Image as I; I.LINEAR = 'mine'; {use} assert I.LINEAR == 'mine'"
    assert run(code).returncode == 0
    compiled = (
        "import sys, types; real = types.ModuleType('detectron2._C'); sys.modules['detectron2._C'] = real;"
        "import synmix.before_detectron2; from detectron2 import _C; assert _C is real"
    )
    assert run(compiled).returncode == 0


@needs_the_pinned
def test_a_missing_operator_explains_itself():
    from detectron2.layers import ROIAlignRotated

    with pytest.raises(RuntimeError, match=r"compiled operator 'roi_align_rotated_forward' is not installed"):
        ROIAlignRotated((2, 2), 1.0, 1)(torch.zeros(1, 1, 4, 4), torch.zeros(1, 6))


def test_collect_env_reports_the_stub():
    from detectron2.utils.collect_env import collect_env_info

    assert "without its compiled operators" in collect_env_info()


def test_upstreams_internal_cityscapes_is_the_published_one():
    from cityscapesscripts.helpers.labels import labels
    from deeplearning.projects.cityscapesApi.cityscapesscripts.helpers.labels import labels as internal

    assert internal is labels


def test_a_config_needs_no_torch_and_detectron2_is_whole_afterwards():
    code = """
import sys
from synmix.config import CfgNode, load_config
cfg = load_config("")
assert "torch" not in sys.modules and "detectron2" not in sys.modules
import detectron2.utils.env, detectron2.config
assert detectron2.config.CfgNode is CfgNode and detectron2.config.defaults and detectron2.utils.file_io
from detectron2.modeling import build_model
from detectron2.projects import point_rend
"""
    done = run(code)
    assert done.returncode == 0, done.stderr


def test_import_caches_can_be_forgotten():
    """As pytest, torch.compile and notebooks do after writing a module."""
    importlib.invalidate_caches()


def test_only_warnings_about_other_peoples_code_are_silent():
    code = """
import synmix.before_detectron2, warnings
warn = warnings.warn_explicit
warn("`torch.jit.script` is deprecated. Please switch.", FutureWarning, "f", 1, module="torch.jit._script")
warn("`torch.jit.script` is deprecated. Please switch.", FutureWarning, "f", 2, module="mine")
warn("pkg_resources is deprecated as an API. See", UserWarning, "f", 3, module="detectron2.model_zoo.model_zoo")
warn("torch.meshgrid: in an upcoming release, it", UserWarning, "f", 4, module="torch.functional")
warn("torch.meshgrid: something else", UserWarning, "f", 5, module="torch.functional")
warn("`torch.cuda.amp.autocast(args...)` is deprecated.", FutureWarning, "f", 6, module="detectron2.engine.x")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert [line.split(":")[1] for line in done.stderr.splitlines() if line.startswith("f:")] == ["2", "5"]


def test_export_and_analysis_are_imported_without_caffe2():
    from detectron2.export import TracingAdapter
    from detectron2.utils.analysis import FlopCountAnalysis
    from torch import nn

    flops = FlopCountAnalysis(nn.Linear(3, 5, bias=False), (torch.ones(2, 3),))
    assert flops.total() == 2 * 3 * 5
    assert TracingAdapter


def test_an_item_that_a_mapper_leaves_out_is_replaced_by_another():
    from detectron2.data.common import MapDataset

    mapped = MapDataset(list(range(5)), lambda value: None if value == 2 else 10 * value)
    assert [mapped[place] for place in (0, 1, 3, 4)] == [0, 10, 30, 40]
    assert mapped[2] in (0, 10, 30, 40)


def test_detectron2s_hook_saves_torchs_own_schedules():
    from detectron2.engine import hooks
    from torch.optim.lr_scheduler import StepLR

    def hook(steps: int) -> hooks.LRScheduler:
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
        schedule = StepLR(optimizer, 2)
        for _ in range(steps):
            optimizer.step()
            schedule.step()
        return hooks.LRScheduler(optimizer, schedule)

    begun, resumed = hook(5), hook(0)
    resumed.load_state_dict(begun.state_dict())
    assert resumed.scheduler.last_epoch == 5


def test_the_defaults_for_where_detectron2_is_absent_are_its_own():
    from synmix.default_config import default_config
    from synmix.torch_free import detectron2_config

    node, get_cfg, add_pointrend_config = detectron2_config()
    cfg = get_cfg()
    add_pointrend_config(cfg)
    assert node is not type(default_config()) and repr(_plain(default_config())) == repr(_plain(cfg))


def _plain(cfg):
    return {key: _plain(value) for key, value in sorted(cfg.items())} if isinstance(cfg, dict) else cfg
