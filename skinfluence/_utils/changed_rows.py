"""Tables of which some rows are written over."""

import numpy as np
from scipy import sparse


class RowsOfTable:
    """A private copy of an array or sparse matrix of which some rows are written over.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n, n_features)
    rows : ndarray of int
    """

    def __init__(self, X, rows):
        self.rows = rows
        if not sparse.issparse(X):
            self._table = np.array(X)
            return
        kept = np.ones(X.shape[0])
        kept[rows] = 0.0
        self._rest = sparse.csr_array(sparse.diags(kept) @ X)
        places = (rows, np.arange(len(rows)))
        self._place = sparse.csr_array((np.ones(len(rows)), places), (X.shape[0], len(rows)))

    def with_rows(self, replaced):
        """The table with other rows; arrays are the same object each time."""
        if hasattr(self, "_table"):
            self._table[self.rows] = replaced.toarray() if sparse.issparse(replaced) else replaced
            return self._table
        return sparse.csr_array(self._rest + self._place @ sparse.csr_array(replaced))
