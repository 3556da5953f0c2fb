"""Labels and classes of test rows, checked and encoded."""

import numpy as np

from skinfluence._utils.checks import as_floats


def encode_labels(coding, y_test, n_test):
    """Encoded labels or values (n_test, K) of the test rows."""
    if np.ndim(y_test) == 0:
        raise ValueError(
            f"y_test is a single value ({y_test!r}). Expected one label a row, also for one row: "
            "pass a list."
        )
    if not coding.is_classification:
        y_test = as_floats(y_test, "y_test")
    y = coding.encode(y_test)
    if len(y) != n_test:
        raise ValueError(
            f"X_test has {n_test} rows but y_test has {len(y)}. Expected one label a row."
        )
    return y


def label_codes(owner, coding, y_test, n_test):
    """Code of the label of each test row, (n_test,), for the target `owner`."""
    if y_test is None:
        raise ValueError(f"target={owner} needs y_test, the labels of the test rows.")
    return coding.decode(encode_labels(coding, y_test, n_test))


def named_codes(coding, class_, n_test):
    """Code of the class of each test row, (n_test,), for one class or one for each row."""
    named = np.atleast_1d(np.asarray(class_))
    if named.ndim == 1 and len(named) == 1:
        named = np.repeat(named, n_test)
    if len(named) != n_test:
        raise ValueError(
            f"X_test has {n_test} rows but class_ names {len(named)} classes. Expected one class "
            "for all rows, or one a row."
        )
    return coding.codes(named, what="class_", remedy="Pass one of these.")
