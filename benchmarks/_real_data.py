"""The larger data sets, in the folder that SKINFLUENCE_DATA names or beside the checkout."""

import importlib.util
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def data_folder():
    """The folder that holds load_data.py, or None."""
    named = os.environ.get("SKINFLUENCE_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    return folder if (folder / "load_data.py").is_file() else None


def loaders():
    """The module of loaders."""
    sys.dont_write_bytecode = True  # the folder is not ours to write to
    spec = importlib.util.spec_from_file_location("load_data", data_folder() / "load_data.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
