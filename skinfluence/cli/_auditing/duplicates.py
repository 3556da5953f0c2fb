"""Rows that are alike and whose targets contradict each other."""

import re
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from sklearn.metrics.pairwise import paired_euclidean_distances
from sklearn.neighbors import NearestNeighbors
from sklearn.random_projection import GaussianRandomProjection
from sklearn.utils import gen_batches

from skinfluence._encoding import table_encoder
from skinfluence.cli._files.columns import Column

from .prepare import make_rows

#: Rows are close below this share of the median distance of a row to the nearest other one, ...
CLOSE = 0.1
#: ... which is estimated from so many rows. So many neighbours of each row are looked at.
SAMPLE, NEIGHBORS = 100, 5
#: More columns are projected on so many random directions, in which candidates are searched at a
#: larger distance: the tree skips hardly any row in more dimensions.
DIRECTIONS, SLACK = 20, 1.6
#: Candidates whose distances are computed at a time.
PAIRS_AT_ONCE = 20_000
#: Columns of a table without free text in which two rows that are close are no coincidence.
FEWEST_COLUMNS = 4
#: Spaces, punctuation; not signs such as + and #, points in numbers, hyphens at one end of a word.
_PUNCTUATION = re.compile(r"""(?:[\s_;:!?'"“”‘’„«»()\[\]…–—]|[.,](?!\d)|\b-\b|\B-\B)+""")


@dataclass
class Duplicates:
    """Sets of rows (of the file) that are alike; those that contradict each other are listed."""

    exact: list  # sets of rows with equal cells and different labels
    near: list  # the same where case and punctuation differ
    close: list  # (distance, set of rows) where numbers or words differ a little, the closest first
    distance: float  # below which rows are close
    n_repeated: int  # rows that repeat an earlier one, label included


@dataclass
class Alike:
    """Which rows are alike, whatever their labels: they have an equal number, of arrays (n,)."""

    exact: np.ndarray  # equal cells
    plain: np.ndarray  # equal but for case and punctuation
    close: np.ndarray | None  # linked by close rows; None where these were not looked for
    widest: np.ndarray  # largest distance of a link among the rows of each row's number in `close`
    distance: float


def find_alike(columns):
    """The rows that are Alike in their columns."""
    codes = {name: _codes(column) for name, column in columns.items()}
    words = {n: _codes(c, plain=True) for n, c in columns.items() if c.kind != "numbers"}
    plain = _hash(codes | words)
    return Alike(_hash(codes), plain, *_close(columns, plain))


def find_duplicates(alike, rows, labels, differ):
    """Duplicates among rows; `differ` says whether labels (an array) contradict each other."""
    n_repeated = sum(
        len(members) - len(np.unique(labels[members])) for members in _sets(alike.exact)
    )

    def contradicting(keys, finer=None):
        """Sets of positions whose labels differ; with `finer` keys, of several of them."""
        for members in _sets(keys):
            if (finer is None or len(np.unique(finer[members])) > 1) and differ(labels[members]):
                yield members

    exact = [rows[members] for members in contradicting(alike.exact)]
    near = [rows[members] for members in contradicting(alike.plain, alike.exact)]
    close = []
    if alike.close is not None:
        close = [
            (float(alike.widest[members[0]]), rows[members])
            for members in contradicting(alike.close, alike.plain)
        ]
    close.sort(key=lambda pair: pair[0])
    return Duplicates(exact, near, close, alike.distance, n_repeated)


def _close(columns, plain):
    """(numbers of linked rows or None, largest distance of a link, distance below which rows are).

    Distances are Euclidean between rows as linear models have them: numbers scaled, categories and
    words as columns. Of rows that are equal in `plain` the first stands for all, and so it does of
    rows at a distance of zero: the order of words, and which rare category it is, have no columns.
    """
    texts = any(column.kind == "text" for column in columns.values())
    _, first, group = np.unique(plain, return_index=True, return_inverse=True)
    if (len(columns) < FEWEST_COLUMNS and not texts) or len(first) < 3:
        return None, np.zeros(len(plain)), 0.0
    table = {name: Column(column.kind, column.values[first]) for name, column in columns.items()}
    X = make_rows(table, first)
    Z = table_encoder(X, model="linear")[0].fit_transform(X)
    Z = sparse.csr_matrix(Z) if sparse.issparse(Z) else Z
    numbers = Z @ np.random.default_rng(0).standard_normal(Z.shape[1])
    _, place, point = np.unique(numbers, return_index=True, return_inverse=True)
    kept = np.sort(place)
    n, group = len(kept), np.searchsorted(kept, place)[point[group]]
    Z = Z if n == Z.shape[0] else Z[kept]  # no copy where all differ
    if n < 3:
        return None, np.zeros(len(plain)), 0.0
    sample = Z[np.random.default_rng(0).permutation(n)[:SAMPLE]]
    nearest = NearestNeighbors(n_neighbors=2, algorithm="brute").fit(Z)
    limit = CLOSE * float(np.median(nearest.kneighbors(sample)[0][:, 1]))
    points, reach = Z, limit
    if Z.shape[1] > DIRECTIONS:
        points = GaussianRandomProjection(DIRECTIONS, random_state=0).fit_transform(Z)
        reach = SLACK * limit
    tree = cKDTree(points.toarray() if sparse.issparse(points) else points)
    k = min(NEIGHBORS + 1, n)
    _, others = tree.query(tree.data, k=k, distance_upper_bound=reach)
    a, b = np.repeat(np.arange(n), k), others.ravel()
    a, b = np.array([a, b])[:, (b < n) & (a != b)]  # beyond the limit the tree says n
    far = np.zeros(len(a))
    for some in gen_batches(len(a), PAIRS_AT_ONCE) if len(a) else ():
        far[some] = paired_euclidean_distances(Z[a[some]], Z[b[some]])
    a, b, far = a[far <= limit], b[far <= limit], far[far <= limit]
    links = sparse.coo_matrix((np.ones(len(a)), (a, b)), (n, n))
    component = connected_components(links, directed=False)[1]
    widest = np.zeros(n)
    np.maximum.at(widest, component[a], far)
    return component[group], widest[component[group]], limit


def _codes(column, plain=False):
    """Whole numbers (n,) that are equal where values are; `plain`: case and punctuation aside."""
    if column.values.dtype != object:
        return np.unique(column.values, return_inverse=True)[1]
    known: dict = {}
    texts = column.values.tolist()
    if plain:
        texts = (_PUNCTUATION.sub(" ", text).strip().casefold() or text for text in texts)
    return np.array([known.setdefault(text, len(known)) for text in texts])


def _spread(codes, name):
    """A random 64-bit number for each code of a column, (n,)."""
    random = np.random.default_rng(list(name.encode()))
    return random.integers(0, 2**64, codes.max() + 1, dtype=np.uint64)[codes]


def _hash(codes):
    """Sum of the columns' random numbers: equal rows have equal sums, (n,)."""
    return sum(_spread(values, name) for name, values in codes.items())


def _sets(keys):
    """Arrays of the positions with an equal key, of two positions or more."""
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.diff(keys[order])) + 1
    starts = np.concatenate([[0], starts, [len(keys)]])
    for place in np.flatnonzero(np.diff(starts) > 1):
        yield order[starts[place] : starts[place + 1]]
