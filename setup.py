"""Maps the packages under projects/ to importable names, as Detectron2's own setup.py does, and takes configs/ along as
the data of ``synmix.configs``."""

from setuptools import find_packages, setup

PROJECTS = {
    "synmix": "projects/SynMix/synmix",
    "miniature": "projects/Miniature/miniature",
    "vehicle_keypoints": "projects/VehicleKeypoints/vehicle_keypoints",
}


def packages() -> list[str]:
    """Every project package and its subpackages, under the importable name."""
    names: list[str] = []
    for name, folder in PROJECTS.items():
        names += [name, *(f"{name}.{child}" for child in find_packages(folder))]
    return names


setup(
    packages=[*packages(), "synmix.configs"],
    package_dir={**PROJECTS, "synmix.configs": "configs"},
    package_data={"synmix.configs": ["**/*.yaml"], "synmix": ["*.yaml"], "": ["py.typed"]},
    include_package_data=False,
)
