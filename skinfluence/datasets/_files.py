"""Read the packaged files, and hand tables out as pandas frames."""

from importlib import resources


def open_data(name):
    """Open one file of ``skinfluence/datasets/data`` for reading bytes."""
    return resources.files("skinfluence.datasets").joinpath("data", name).open("rb")


def read_description(name):
    """Return the description of a data set, the text of ``data/<name>.rst``."""
    with open_data(f"{name}.rst") as stream:
        return stream.read().decode("utf-8")


def to_frame(columns, caller):
    """Make a pandas frame of ``{column name: values}``; pandas is asked for only here.

    Parameters
    ----------
    columns : dict of str to array-like of shape (n,)
        The columns of the frame.
    caller : str
        The function that the user called, for the message when pandas is missing.

    Returns
    -------
    pandas.DataFrame of shape (n, len(columns))
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(
            f"{caller}(as_frame=True) needs pandas, which is not installed. "
            "Install it (pip install pandas) or take the arrays with as_frame=False."
        ) from error
    return pd.DataFrame(columns)
