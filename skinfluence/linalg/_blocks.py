"""Blocks of rows that fit the memory and the cache."""

from sklearn import get_config

#: Blocks beyond this gain nothing and leave the processor's caches, whatever memory is allowed.
CACHE_MIB = 16.0

#: Right-hand sides and their solutions may take this much: wide blocks share the solver's work.
SOLVED_MIB = 256.0


def block_size(bytes_per_row, cache_mib=CACHE_MIB):
    """Rows whose temporaries fit scikit-learn's `working_memory` (and the cache); at least 1."""
    budget = min(float(get_config()["working_memory"]), cache_mib) * 2**20
    return max(1, int(budget // max(1, bytes_per_row)))


def row_blocks(n_rows, bytes_per_row, cache_mib=CACHE_MIB):
    """Slices that cover ``range(n_rows)``, each with at most `block_size` rows."""
    return slices(n_rows, block_size(bytes_per_row, cache_mib))


def written(made, out):
    """`made`, or `out` with it written there, where it is given."""
    if out is None:
        return made
    out[:] = made
    return out


def slices(n_rows, size):
    """Slices that cover ``range(n_rows)``, each with at most `size` rows."""
    # not scikit-learn's gen_batches, which validates its parameters for longer than a small
    # product of matrices takes
    for start in range(0, n_rows, size):
        yield slice(start, min(start + size, n_rows))
