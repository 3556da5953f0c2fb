"""Warnings that point at the user's line."""

import contextlib
import sys
import warnings
from pathlib import Path

#: Files of the package, and of contexts that end in it.
_OURS = str(Path(__file__).parents[1]), contextlib.__file__


def warn_user(message, category=UserWarning):
    """Warn at the first frame outside the package.

    (`skip_file_prefixes` does it from Python 3.12.)
    """
    frame, level = sys._getframe(), 1
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OURS):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


@contextlib.contextmanager
def ignore_last_of_class():
    """Context without the warning about rows that are the only one of their class."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Training row\(s\) .* only one of", RuntimeWarning)
        yield
