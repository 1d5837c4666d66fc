"""The registered data sets in Detectron2's catalogs."""

import synmix.before_detectron2  # noqa: F401

from detectron2.data import DatasetCatalog, MetadataCatalog

from synmix.data import sources
from synmix.labels import colors_of


def register_all() -> None:
    """Makes every data set of :mod:`synmix.data.sources` known to Detectron2; costs nothing and can be called again."""
    for name in sources.names():
        if name not in DatasetCatalog:
            DatasetCatalog.register(name, lambda name=name: _dicts(name))
            source = sources.source(name)
            defaults = {
                "thing_classes": list(source.classes),
                "thing_colors": list(colors_of(source.classes)),
                "evaluator_type": "synmix",
                "domain": source.domain,
            }
            MetadataCatalog.get(name).set(**{**defaults, **source.metadata})


def _dicts(name: str) -> list[dict]:
    source = sources.source(name)
    return source.dicts(source.table())
