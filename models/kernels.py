"""Which implementation of the hot paths runs: the compiled one where it was built, else the reference in numpy.

`WIRETAG_KERNEL=reference` forces the reference.
"""

import importlib
import os
from types import ModuleType
from typing import Any

ENVIRONMENT = "WIRETAG_KERNEL"
_REFERENCES = {"Lines": "models.sight", "Vocabulary": "models.reading", "Scorer": "models.scoring"}


def _compiled() -> ModuleType | None:
    if os.environ.get(ENVIRONMENT) == "reference":
        return None
    try:
        return importlib.import_module("models._kernel")
    except ImportError:
        return None  # no compiler was there at install; everything works, more slowly


def name() -> str:
    """`compiled` or `reference`."""
    return "compiled" if _compiled() is not None else "reference"


def of(part: str) -> Any:
    """The class of a part in the kernel that runs here."""
    module = _compiled() or importlib.import_module(_REFERENCES[part])
    return getattr(module, part)
