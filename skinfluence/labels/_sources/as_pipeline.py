"""A representation as steps of a scikit-learn pipeline: the model that an explainer explains."""

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import Ridge, RidgeClassifier
from sklearn.utils import gen_batches
from sklearn.utils.validation import check_is_fitted, validate_data

__all__ = ["RepresentationColumns", "representation_steps"]

#: Rows whose columns are made at a time.
BLOCK_ROWS = 4096
#: Larger tables are made in single precision: 100,000 rows of 300 columns in 120 MB.
MOST_DOUBLES = 10_000_000


class RepresentationColumns(TransformerMixin, BaseEstimator):
    """Numeric rows as the columns of a chosen representation.

    Parameters
    ----------
    scaling : Scaling
    representation : Linear or RadialBasis
        Both are fixed: fit learns nothing.
    """

    def __init__(self, scaling, representation):
        self.scaling = scaling
        self.representation = representation

    def fit(self, X, y=None):
        """Note the number of columns."""
        validate_data(self, X, accept_sparse="csr", dtype=[np.float64, np.float32])
        return self

    def transform(self, X):
        """Columns of rows, (n_rows, m): scaled ones, or whitened kernel values."""
        check_is_fitted(self, "n_features_in_")
        rows = self.scaling.apply(X.tocsr() if sparse.issparse(X) else X)
        out = None
        for some in gen_batches(rows.shape[0], BLOCK_ROWS):
            columns = self._columns(rows[some])
            if out is None:
                size = (rows.shape[0], columns.shape[1])
                large = size[0] * size[1] > MOST_DOUBLES
                out = np.empty(size, np.float32 if large else np.float64)
            out[some] = columns
        return out

    def _columns(self, block):
        columns = self.representation.columns(block)
        whitening = self.representation.whitening
        return columns if whitening is None else columns @ whitening


def representation_steps(scaling, member, n_classes, total_weight):
    """(transformer, ridge) whose fit is that of a closed-form member.

    The closed form takes weights that sum to one, and its damping is in units of the mean variance:
    the penalty of a ridge in sum form is that times the total weight. For classes the targets are
    -1 and +1 where the closed form has 0 and 1, which doubles the coefficients and no more.
    """
    alpha = float(member.damping * member.path.unit * total_weight)
    ridge = Ridge(alpha=alpha) if n_classes is None else RidgeClassifier(alpha=alpha)
    return RepresentationColumns(scaling, member.representation), ridge
