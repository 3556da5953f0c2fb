"""Greedy maximisation of influence plus diversity that evaluates few candidates per pick."""

import numpy as np

#: Candidates that are refreshed together at first; twice as many each further time.
FIRST_BATCH = 32
#: Gains are ties below this, relative to the objective: rounding must not choose between them.
TIE = 1e-10


def lazy_greedy(scores, diversity, gamma, n_select):
    """Pick the candidate of largest gain, n_select times.

    Gains of the last pick bound those of this one (Minoux 1978): candidates are refreshed from
    the largest bound on, until no other bound reaches the largest exact gain. Ties go to the
    first candidate.

    Parameters
    ----------
    scores : ndarray of shape (n_candidates,)
    diversity : Diversity
        Is reset first.
    gamma : float
    n_select : int

    Returns
    -------
    picks : ndarray of int of shape (n_select,)
        Positions among the candidates, in order.
    gains : ndarray of shape (n_select,)
        What each added to ``sum(scores) + gamma * R``.
    values : ndarray of shape (n_select,)
        R after each pick.
    """
    diversity.reset()
    tie = TIE * (np.abs(scores).max(initial=0.0) + gamma)
    free = np.ones(len(scores), dtype=bool)
    picks = np.empty(n_select, dtype=np.intp)
    gains, values = np.empty(n_select), np.empty(n_select)
    for i in range(n_select):
        picks[i], gains[i] = _best(scores, diversity, gamma, free, tie)
        diversity.pick(picks[i])
        free[picks[i]] = False
        values[i] = diversity.value
    return picks, gains, values


def _best(scores, diversity, gamma, free, tie):
    """(position, gain) of the free candidate of largest gain."""
    bounds = scores + gamma * diversity.bounds()
    bounds[~free] = -np.inf
    exact = np.zeros(len(bounds), dtype=bool)
    largest, batch = -np.inf, FIRST_BATCH
    while True:
        bound = max(largest - tie, np.finfo(float).min)  # what was picked stays out
        waiting = np.flatnonzero((bounds >= bound) & ~exact)
        if len(waiting) == 0:
            break
        if len(waiting) > batch:
            waiting = waiting[np.argpartition(-bounds[waiting], batch)[:batch]]
        diversity.refresh(waiting)
        bounds[waiting] = scores[waiting] + gamma * diversity.bounds(waiting)
        exact[waiting] = True
        largest = bounds[exact].max()
        batch *= 2
    best = int(np.flatnonzero(exact & (bounds >= largest - tie))[0])
    return best, bounds[best]
