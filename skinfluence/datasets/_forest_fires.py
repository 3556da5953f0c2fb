"""Forest fires: a small regression table with mixed columns and a skewed target."""

import csv
import gzip

import numpy as np
from sklearn.utils import Bunch

from ._files import open_data, read_description, to_frame

MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

TARGET = "area"
WHOLE_NUMBERS = {"X", "Y", "RH"}


def load_forest_fires(*, as_frame=False, return_X_y=False):
    """Load the forest fires of the Montesinho park: the burned area from place, time and weather.

    ==========   ==========================================
    Rows         517
    Columns      12: month and day are words, the rest numbers
    Target       burned area in hectares, 0 to 1,090.84
    ==========   ==========================================

    Parameters
    ----------
    as_frame : bool, default=False
        Whether to give a pandas DataFrame, with ``month`` and ``day`` as strings, and the target
        as a Series. In the array form, all numbers, the months are 1 (jan) to 12 (dec) and the
        days 1 (mon) to 7 (sun).
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With the attributes

        data : ndarray or DataFrame of shape (517, 12)
            The fires.
        target : ndarray or Series of shape (517,)
            The burned area in hectares.
        frame : None or DataFrame of shape (517, 13)
            With ``as_frame=True``, the data with the target as column ``area``.
        feature_names : list of str
            The names of the 12 columns.
        DESCR : str
            The description of the data, its source and its licence.

    (data, target) : tuple
        With ``return_X_y=True``.

    Raises
    ------
    ImportError
        If ``as_frame=True`` and pandas is not installed.

    References
    ----------
    P. Cortez and A. Morais (2007), A Data Mining Approach to Predict Forest Fires using
    Meteorological Data, EPIA 2007. UCI data set 162, CC BY 4.0.

    Examples
    --------
    >>> from skinfluence.datasets import load_forest_fires
    >>> fires = load_forest_fires()
    >>> fires.data.shape, float(fires.target.max())
    ((517, 12), 1090.84)
    """
    with open_data("forest_fires.csv.gz") as stream, gzip.open(stream, "rt") as text:
        header, *rows = csv.reader(text)
    words = dict(zip(header, zip(*rows, strict=True), strict=True))
    feature_names = [name for name in header if name != TARGET]

    frame = None
    if as_frame:
        frame = to_frame(
            {name: _typed(name, values) for name, values in words.items()}, "load_forest_fires"
        )
        data, target = frame[feature_names], frame[TARGET]
    else:
        data = np.column_stack([_numbers(name, words[name]) for name in feature_names])
        target = _numbers(TARGET, words[TARGET])

    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        frame=frame,
        feature_names=feature_names,
        DESCR=read_description("forest_fires"),
    )


def _typed(name, values):
    """Give a column its own type: strings, whole numbers or floats."""
    if name in {"month", "day"}:
        return list(values)
    return np.array(values, dtype=np.int64 if name in WHOLE_NUMBERS else np.float64)


def _numbers(name, values):
    """Give a column as floats; months and days by their place in the year and in the week."""
    calendar = {"month": MONTHS, "day": DAYS}.get(name)
    if calendar is not None:
        values = [1 + calendar.index(value) for value in values]
    return np.array(values, dtype=np.float64)
