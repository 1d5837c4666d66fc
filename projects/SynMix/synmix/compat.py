"""The few names that Detectron2 expects of older or unpublished packages, restored before it is imported; three of its
modules, mended as they are; and the warnings about its code that nobody here can act on, silenced.

Each name is restored only where it is missing, so a newer, a patched or a compiled Detectron2 is used as it is.
docs/detectron2.md says what upstream's own tests make of it.
"""

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import random
import sys
import warnings
from collections.abc import Callable, Sequence
from types import ModuleType, SimpleNamespace
from typing import Any

_OPERATORS = "detectron2._C"
# Upstream's main imports cityscapesScripts by the path it has in its maker's own repository (issue 5436 there).
_INTERNAL_CITYSCAPES = "deeplearning.projects.cityscapesApi.cityscapesscripts"

#: (start of the message, module it is about): what torch and setuptools have to say of Detectron2's and fvcore's code.
_NOT_OURS = (
    (r"`torch\.jit\.\w+` is (deprecated|not supported)", r"torch\.jit\."),
    (r"torch\.meshgrid: in an upcoming release", r"torch\.functional"),
    (r"`torch\.cuda\.amp\.\w+\(args\.\.\.\)` is deprecated", r"(detectron2|fvcore)\."),
    (r"pkg_resources is deprecated as an API", r"(detectron2|fvcore|pkg_resources)"),
)


def silence() -> None:
    """Silences warnings of other people's code, by message and module; ``-W`` and filters that come later go first."""
    for message, module in _NOT_OURS:
        warnings.filterwarnings("ignore", message, module=module)


def restore() -> None:
    """Sees to it that every missing name is there when Detectron2 is imported; calling it again changes nothing."""
    for finder in (_OperatorStub, _InternalCityscapes):
        if not any(type(known) is finder for known in sys.meta_path):
            sys.meta_path.append(finder())  # last: whatever really exists is found first
    if not any(type(known) is _Mending for known in sys.meta_path):
        sys.meta_path.insert(0, _Mending())  # first, since these modules do exist
    if "detectron2" in sys.modules:  # else when it is imported
        _restore_names()


def _restore_names() -> None:
    _restore_pillow()
    _restore_numpy()


def _restore_pillow() -> None:
    """``Image.LINEAR``: gone from Pillow 10; the default argument of Detectron2 0.6's ``ExtentTransform``."""
    from PIL import Image

    if not hasattr(Image, "LINEAR"):
        Image.LINEAR = Image.Resampling.BILINEAR  # type: ignore[attr-defined]


def _restore_numpy() -> None:
    """``numpy.bool``: absent from NumPy 1.24 to 1.26; Detectron2 0.6's mask and visualizer code names it."""
    import numpy

    if "bool" not in vars(numpy):
        numpy.bool = numpy.bool_  # type: ignore[misc]


class _OperatorStub(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Stands in for ``detectron2._C`` where Detectron2 was installed without its compiled operators."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        return importlib.util.spec_from_loader(name, self) if name == _OPERATORS else None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return _MissingOperators(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to run: the operators answer through ``__getattr__``."""


class _MissingOperators(ModuleType):
    """``detectron2._C`` without operators: answers what ``collect_env`` asks, explains itself when called."""

    __file__ = "not compiled"

    @staticmethod
    def get_compiler_version() -> str:
        return "none: Detectron2 was installed without its compiled operators"

    @staticmethod
    def get_cuda_version() -> str:
        return "none"

    @staticmethod
    def has_cuda() -> bool:
        return False

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__"):
            raise AttributeError(name)

        def missing(*args: Any, **kwargs: Any) -> Any:
            raise RuntimeError(
                f"Detectron2's compiled operator '{name}' is not installed here; Mask R-CNN and PointRend do not need "
                "it, for what does, build Detectron2 from its source (docs/install.md)."
            )

        return missing


class _InternalCityscapes(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Answers upstream's internal name of cityscapesScripts with the published package."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        known = f"{_INTERNAL_CITYSCAPES}.".startswith(f"{name}.") or name.startswith(f"{_INTERNAL_CITYSCAPES}.")
        return importlib.util.spec_from_loader(name, self, is_package=True) if known else None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        if not spec.name.startswith(_INTERNAL_CITYSCAPES):
            return None  # an empty package on the way down
        published = "cityscapesscripts" + spec.name.removeprefix(_INTERNAL_CITYSCAPES)
        return _Alias(spec.name, importlib.import_module(published))

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to run: an alias looks its names up in the published module."""


class _Alias(ModuleType):
    """A module under a second name; the first keeps its own ``__spec__``."""

    def __init__(self, name: str, published: ModuleType) -> None:
        super().__init__(name, published.__doc__)
        self.__path__: list[str] = []  # its modules come through the finder too, never a second time from their files
        self._published = published

    def __getattr__(self, name: str) -> Any:
        return getattr(self._published, name)


class _Mending(importlib.abc.MetaPathFinder):
    """Finds the modules of :data:`_MENDS`, and has them mended when they have been executed."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name == _CAFFE2_EXPORT and importlib.util.find_spec("caffe2") is None:
            return importlib.util.spec_from_loader(name, _Nothing())
        spec = importlib.machinery.PathFinder.find_spec(name, path, target) if name in _MENDS else None
        if spec and spec.loader:
            spec.loader = _Mended(spec.loader)
        return spec


class _Mended(importlib.abc.Loader):
    """Loads a module as its own loader does, then mends it."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        _MENDS[module.__name__](module)


class _Nothing(importlib.abc.Loader):
    """The caffe2 part of ``detectron2.export``, where there is no caffe2; torch has dropped it."""

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        module.__doc__, module.__all__ = "Needs caffe2.", []  # type: ignore[attr-defined]


class _SamplingSets(random.Random):
    """Samples from sets too, as Python did until 3.10."""

    def sample(self, population: Any, k: int, **keywords: Any) -> list:
        """See :meth:`random.Random.sample`."""
        return super().sample(sorted(population) if isinstance(population, set) else population, k, **keywords)


def _mend_package(package: ModuleType) -> None:
    _restore_names()
    _adopt(package)


def _adopt(package: ModuleType) -> None:
    """Gives a package, when it is imported at last, the modules that ``torch_free.py`` imported before it."""
    for name, module in list(sys.modules.items()):
        parent, _, leaf = name.rpartition(".")
        if parent == package.__name__:
            setattr(package, leaf, module)


def _mend_loading(common: ModuleType) -> None:
    """``MapDataset`` takes another item for one that its mapper leaves out, of a set: TypeError from Python 3.11 on."""
    common.random = SimpleNamespace(Random=_SamplingSets)  # type: ignore[attr-defined]


def _mend_schedules(hooks: ModuleType) -> None:
    """The hook saves what is a ``_LRScheduler``; since torch 2.0 that is no base of torch's own schedules, which then
    begin anew after a resume."""
    from torch.optim import lr_scheduler

    base, hook = getattr(lr_scheduler, "LRScheduler", lr_scheduler._LRScheduler), hooks.LRScheduler

    def state_dict(self: Any) -> dict[str, Any]:
        return self.scheduler.state_dict() if isinstance(self.scheduler, base) else {}

    def load_state_dict(self: Any, state: dict[str, Any]) -> None:
        if isinstance(self.scheduler, base):
            self.scheduler.load_state_dict(state)

    hook.state_dict, hook.load_state_dict = state_dict, load_state_dict


_CAFFE2_EXPORT = "detectron2.export.api"
_MENDS: dict[str, Callable[[ModuleType], None]] = {
    "detectron2": _mend_package,
    "detectron2.config": _adopt,
    "detectron2.data.common": _mend_loading,
    "detectron2.engine.hooks": _mend_schedules,
}
