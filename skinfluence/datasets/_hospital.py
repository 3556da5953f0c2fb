"""Hospital readmission: the data of Koh & Liang (2017), section 5.3."""

import numpy as np
from sklearn.utils import Bunch

from ._files import open_data, read_description, to_frame

CHILD_COLUMN = "age_[0-10)"


def load_hospital_readmission(*, modified=False, as_frame=False, return_X_y=False):
    """Load the hospital stays of diabetic patients that Koh & Liang (2017) trained on.

    =================   =============================================
    Classes             2: not readmitted (0), readmitted (1)
    Training rows       20,000 balanced (19,980 with ``modified=True``)
    Test rows           2,131, not balanced
    Columns             127: 8 counts, 119 of 0/1
    =================   =============================================

    Parameters
    ----------
    modified : bool, default=False
        Whether to plant the domain mismatch of section 5.3: 20 of the 21 training children who
        were not readmitted are left out, so that 3 of 4 children were readmitted instead of 3 of
        24. The training rows that remain are renumbered from 0.
    as_frame : bool, default=False
        Whether to give the tables as pandas DataFrames and the targets as Series. The training
        frame has a fresh index, the test frame the row numbers of ``test_index``.
    return_X_y : bool, default=False
        Whether to return ``(data, target)``, the training rows alone, instead of a Bunch.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With the attributes

        data : ndarray or DataFrame of shape (n_train, 127)
            The training rows, as floats.
        target : ndarray or Series of shape (n_train,)
            1 where the patient was readmitted within 30 days, else 0.
        data_test : ndarray or DataFrame of shape (2131, 127)
            The first 2,000 rows of the paper's test set, and all its 137 children.
        target_test : ndarray or Series of shape (2131,)
            Their targets.
        test_index : ndarray of shape (2131,)
            The row number that each of them has in the paper's test set, in rising order.
        frame : None or DataFrame of shape (n_train, 128)
            With ``as_frame=True``, the training rows with the target as column ``readmitted``.
        feature_names : list of str
            The names of the 127 columns.
        target_names : list of str
            Meaning of the targets 0 and 1.
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
    B. Strack et al. (2014), Impact of HbA1c Measurement on Hospital Readmission Rates, BioMed
    Research International. UCI data set 296, CC BY 4.0.

    P. W. Koh and P. Liang (2017), Understanding Black-box Predictions via Influence Functions,
    section 5.3.

    Examples
    --------
    How many of the training children were readmitted, before and after the mismatch is planted:

    >>> from skinfluence.datasets import load_hospital_readmission
    >>> for modified in (False, True):
    ...     hospital = load_hospital_readmission(modified=modified)
    ...     is_child = hospital.data[:, hospital.feature_names.index("age_[0-10)")] == 1
    ...     print(int(hospital.target[is_child].sum()), "of", int(is_child.sum()))
    3 of 24
    3 of 4
    """
    with open_data("hospital_readmission.npz") as stream, np.load(stream) as packed:
        feature_names = packed["feature_names"].tolist()
        data = _unpack(packed["counts"], packed["flags"], len(feature_names))
        data_test = _unpack(packed["counts_test"], packed["flags_test"], len(feature_names))
        target = packed["target"].astype(np.int64)
        target_test = packed["target_test"].astype(np.int64)
        test_index = packed["test_index"].astype(np.int64)

    if modified:
        keep = _rows_with_mismatch(data, target, feature_names)
        data, target = data[keep], target[keep]

    frame = None
    if as_frame:
        frame = _frame(data, target, feature_names)
        frame_test = _frame(data_test, target_test, feature_names).set_index(test_index)
        data, target = frame[feature_names], frame["readmitted"]
        data_test, target_test = frame_test[feature_names], frame_test["readmitted"]

    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        data_test=data_test,
        target_test=target_test,
        test_index=test_index,
        frame=frame,
        feature_names=feature_names,
        target_names=["not readmitted", "readmitted"],
        DESCR=read_description("hospital_readmission"),
    )


def _unpack(counts, flags, n_columns):
    """Undo the packing of ``tools/make_packaged_data.py``: counts in bytes, 0/1 columns in bits."""
    n_flags = n_columns - counts.shape[1]
    return np.hstack([counts, np.unpackbits(flags, axis=1, count=n_flags)]).astype(np.float64)


def _rows_with_mismatch(data, target, feature_names):
    """Mark the rows that stay: all but the not-readmitted children, of whom the last stays."""
    is_child = data[:, feature_names.index(CHILD_COLUMN)] == 1
    keep = np.ones(len(target), dtype=bool)
    keep[np.flatnonzero(is_child & (target == 0))[:-1]] = False
    return keep


def _frame(data, target, feature_names):
    columns = dict(zip(feature_names, data.T, strict=True))
    return to_frame(columns | {"readmitted": target}, "load_hospital_readmission")
