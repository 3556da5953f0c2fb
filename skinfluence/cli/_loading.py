"""Imports of a command, spared the garbage collector."""

import gc
import sys
from contextlib import contextmanager


@contextmanager
def loading():
    """Context of the late imports of a command.

    What modules define is needed until the process ends. The garbage collector would search it
    several times while it grows, and once more at the end: a third of the time of a small audit.
    """
    if "sklearn" in sys.modules:  # the process of somebody else, as in tests
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
