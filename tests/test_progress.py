"""Progress of what takes long: bars in terminals and notebooks, lines in logs for who asked."""

import io
import re
import sys
import types
from contextlib import contextmanager
from time import sleep

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from skinfluence import InfluenceExplainer
from skinfluence._utils import progress as progress_module
from skinfluence._utils.progress import progress, progress_bar
from skinfluence.effects._refits import _blocks
from skinfluence.solvers import CGSolver, LissaSolver, NeumannSolver
from skinfluence.solvers._iterative import cg
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
        monkeypatch.setattr(progress_module, "DELAY", 0.0)
        return sys.stderr

    return open_


def steps(**settings):
    return list(progress(range(5), total=5, what="solving", unit="rows", **settings))


def test_a_terminal_shows_what_is_done_and_the_time_left(open_terminal):
    terminal = open_terminal()
    assert steps(verbose=1) == [0, 1, 2, 3, 4]
    shown = terminal.getvalue()
    assert "solving" in shown and "rows" in shown and "<" in shown


def test_a_bar_is_shown_without_asking(open_terminal):
    terminal = open_terminal()
    assert steps(verbose=None) == [0, 1, 2, 3, 4]
    assert "solving" in terminal.getvalue()


def test_zero_is_silent(open_terminal):
    terminal = open_terminal()
    assert steps(verbose=0) == [0, 1, 2, 3, 4]
    assert terminal.getvalue() == ""


@pytest.mark.parametrize("verbose", [None, 0, 1])
def test_a_log_gets_lines_with_the_expected_time_if_asked(monkeypatch, capsys, verbose):
    clock = iter([0.0, 1.0, 3.0, 4.0, 7.0, 9.0, 700.0])
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setattr(progress_module, "perf_counter", lambda: next(clock))
    with progress_bar(total=3000, what="refits", unit="rows", verbose=verbose) as update:
        for done in (5, 30, 40, 1500, 2000, 2999):
            update(0, done)
    said = [
        "[skinfluence] refits: 30 of 3,000 rows after 3 s, about 4 min 57 s left",
        "[skinfluence] refits: 1,500 of 3,000 rows after 7 s, about 7 s left",
        "[skinfluence] refits: 2,999 of 3,000 rows after 11 min 40 s, about 1 s left",
    ]
    assert capsys.readouterr().out.splitlines() == (said if verbose else [])
    assert sys.stderr.getvalue() == ""


def test_parts_of_refits_count_what_was_made_before(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setattr(progress_module, "DELAY", 0.0)
    explainer = InfluenceExplainer(verbose=1).fit(X, y)
    monkeypatch.setattr(type(explainer.linearization_), "refit_width", lambda self: 80)
    found = explainer.top_influences(X[:2], y[:2], k=3, method="refit")
    lines = re.findall(r"refits: (\d+) of 200 models", capsys.readouterr().out)
    assert any(80 < int(n) for n in lines) and any(160 < int(n) for n in lines)
    everything = explainer.influence(X[:2], y[:2], method="refit")
    np.testing.assert_array_equal(found[0], np.argsort(-abs(everything))[:, :3])


def test_what_ends_soon_shows_none(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    steps(verbose=1)
    assert "solving" not in sys.stderr.getvalue()


def test_notebooks_are_recognised(monkeypatch):
    shell = types.SimpleNamespace(config={"IPKernelApp": {}})
    fake = types.SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert not progress_module.is_interactive()
    monkeypatch.setitem(sys.modules, "IPython", fake)
    assert progress_module.is_interactive()


@pytest.mark.parametrize("method, what", [("first_order", "influences"), ("refit", "refits")])
def test_the_explainer_shows_what_takes_long(open_terminal, method, what):
    terminal = open_terminal()
    quiet = InfluenceExplainer(verbose=0).fit(X, y).influence(X[:3], y[:3], method=method)
    assert terminal.getvalue() == ""
    explainer = InfluenceExplainer(verbose=1).fit(X, y)
    found = explainer.influence(X[:3], y[:3], method=method)
    np.testing.assert_array_equal(found, quiet)
    assert what in terminal.getvalue()


@pytest.mark.parametrize(
    "solver, what",
    [
        (CGSolver(verbose=1, block_size=2), "conjugate gradients"),
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


@pytest.mark.parametrize("storage", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("classes", [2, 3, 10])
def test_a_hessian_that_is_formed_shows_it(open_terminal, classes, storage):
    terminal = open_terminal()
    labels = np.arange(len(y)) % classes
    explainer = InfluenceExplainer(LogisticRegression(C=0.1), solver="cholesky", verbose=0)
    hessian = explainer.fit(storage(X), labels).objective_.hessian()
    quiet = hessian.to_dense()
    assert terminal.getvalue() == ""
    hessian.verbose = 1
    np.testing.assert_array_equal(hessian.to_dense(), quiet)
    # two classes of sparse rows are one product, which cannot say how far it is
    assert ("Hessian" in terminal.getvalue()) == (classes > 2 or storage is np.asarray)


def test_polishing_shows_how_many_digits_are_done(open_terminal):
    terminal = open_terminal()
    quiet = InfluenceExplainer(LogisticRegression(tol=1e-3), verbose=0).fit(X, y).objective_.coef
    assert terminal.getvalue() == ""
    found = InfluenceExplainer(LogisticRegression(tol=1e-3), verbose=1).fit(X, y).objective_.coef
    np.testing.assert_array_equal(found, quiet)
    assert re.search(r"optimum: .*\d+/\d+ \[.*digits", terminal.getvalue())


@pytest.fixture
def told(monkeypatch):
    """What progress bars are told, (what, step, done), whoever looks."""
    calls = []

    @contextmanager
    def recorder(*, what, total, unit, verbose, first=0):
        yield lambda step, done: calls.append((what, step, float(done)))

    monkeypatch.setattr(cg, "progress_bar", recorder)
    monkeypatch.setattr(_blocks, "progress_bar", recorder)
    return calls


def test_a_block_of_right_hand_sides_tells_of_each_iteration(told):
    """One block may take minutes: a bar that only knew of whole blocks would never be seen."""
    hessian = zoo.well_posed()
    inverse = CGSolver(preconditioner=None, block_size=2).factorize(hessian)
    inverse.solve(np.eye(hessian.shape[0])[:, :4])
    for block in 0, 2:
        done = [count for what, step, count in told if step == block]
        assert len(done) > 3 and done == sorted(done)
        assert 0 < done[0] < 1.5 and done[-1] == 2


def test_a_block_of_refits_tells_of_each_iteration(told):
    InfluenceExplainer().fit(X, y).influence(X[:3], y[:3], method="refit", rows=np.arange(8))
    done = [count for what, step, count in told if what == "refits"]
    assert len(done) > 2 and done == sorted(done)
    assert 0 < done[1] < 8 and done[-1] == 8


def test_a_bar_adds_up_what_its_steps_have_reached(open_terminal):
    terminal = open_terminal()
    with progress_bar(total=10, what="work", unit="parts", verbose=1) as update:
        update(0, 2.5)
        update(1, 1.6)
        update(0, 1.0)  # an estimate that falls back is not believed
        sleep(0.15)
        update(1, 1.7)
    assert "| 4/10 [" in terminal.getvalue()


@pytest.mark.parametrize("solver", ["cholesky", "eigh", "cg", "woodbury"])
@pytest.mark.parametrize("classes", [2, 3])
def test_leverages_of_all_rows_show_it(open_terminal, solver, classes):
    terminal = open_terminal()
    labels = y if classes == 2 else np.arange(len(y)) % 3
    explainer = InfluenceExplainer(LogisticRegression(C=0.1), solver=solver, verbose=1)
    inverse = explainer.fit(X[:, 20:30], labels).linearization_.inverse
    forms = inverse.leverage_blocks()
    assert "leverages" in terminal.getvalue()
    inverse.verbose = 0
    np.testing.assert_array_equal(inverse.leverage_blocks_of(inverse.hessian.predictor), forms)
