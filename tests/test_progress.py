"""Progress bars: in terminals and notebooks, for those who asked, where it takes long."""

import io
import sys
import types

import numpy as np
import pytest
from sklearn.datasets import load_digits

from skinfluence import InfluenceExplainer, _progress
from skinfluence._progress import progress
from skinfluence.solvers import CGSolver, LissaSolver, NeumannSolver, NystroemSolver
from tests.solvers import _zoo as zoo

X, y = load_digits(return_X_y=True)
X, y = X[:200] / 16, y[:200] % 2


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def open_terminal(monkeypatch):
    """To be called in the test: pytest takes standard error back after each fixture."""

    def open_():
        monkeypatch.setattr(sys, "stderr", Terminal())
        monkeypatch.setattr(_progress, "DELAY", 0.0)
        return sys.stderr

    return open_


def steps(**settings):
    return list(progress(range(5), total=5, what="solving", unit="rows", **settings))


def test_a_terminal_shows_what_is_done_and_the_time_left(open_terminal):
    terminal = open_terminal()
    assert steps(verbose=1) == [0, 1, 2, 3, 4]
    shown = terminal.getvalue()
    assert "solving" in shown and "rows" in shown and "<" in shown


def test_nobody_asked(open_terminal):
    terminal = open_terminal()
    assert steps(verbose=0) == [0, 1, 2, 3, 4]
    assert terminal.getvalue() == ""


def test_a_log_file_gets_none(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setattr(_progress, "DELAY", 0.0)
    steps(verbose=1)
    assert sys.stderr.getvalue() == ""


def test_what_ends_soon_shows_none(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    steps(verbose=1)
    assert "solving" not in sys.stderr.getvalue()


def test_notebooks_are_recognised(monkeypatch):
    shell = types.SimpleNamespace(config={"IPKernelApp": {}})
    fake = types.SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert not _progress.somebody_looks()
    monkeypatch.setitem(sys.modules, "IPython", fake)
    assert _progress.somebody_looks()


@pytest.mark.parametrize("method, what", [("first_order", "influences"), ("refit", "refits")])
def test_the_explainer_shows_what_takes_long(open_terminal, method, what):
    terminal = open_terminal()
    quiet = InfluenceExplainer().fit(X, y).influence(X[:3], y[:3], method=method)
    assert terminal.getvalue() == ""
    explainer = InfluenceExplainer(verbose=1).fit(X, y)
    found = explainer.influence(X[:3], y[:3], method=method)
    np.testing.assert_array_equal(found, quiet)
    assert what in terminal.getvalue()


@pytest.mark.parametrize(
    "solver, what",
    [
        (CGSolver(verbose=1, block_size=2), "conjugate gradients"),
        (NystroemSolver(verbose=1, rank=64), "random sketch"),
        (NeumannSolver(verbose=1), "Neumann series"),
        (LissaSolver(verbose=1, depth=200, tol=1.0), "LiSSA to depth"),
    ],
    ids=lambda part: getattr(part, "name", ""),
)
def test_solvers_that_iterate_show_it(open_terminal, solver, what):
    terminal = open_terminal()
    hessian = zoo.well_posed()
    solver.factorize(hessian).solve(np.eye(hessian.shape[0]))
    assert what in terminal.getvalue()
