"""Finds the folder with the larger data sets and loads its ``load_data.py``."""

import importlib.util
import os
import sys
from functools import lru_cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
REMEDY = "set SKINFLUENCE_DATA to the folder which holds load_data.py"


def data_folder():
    """Return the data folder: SKINFLUENCE_DATA, else shared/data beside the checkout, else None."""
    named = os.environ.get("SKINFLUENCE_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    return folder if (folder / "load_data.py").is_file() else None


@lru_cache(maxsize=1)
def _load(path):
    spec = importlib.util.spec_from_file_location("skinfluence_test_data", path)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "dont_write_bytecode", True)  # the folder is not ours to write to
        spec.loader.exec_module(module)
    return module


def load_shared_data():
    """Return the module of loaders, or skip the calling test where the data are not here."""
    folder = data_folder()
    if folder is None:
        pytest.skip(f"data not found: {REMEDY}")
    return _load(folder / "load_data.py")
