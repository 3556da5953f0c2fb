"""Scores of dense rows for several outputs at once, beside the sums that they stand for."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skinfluence.linalg import scaled_rows_reader, score_reader
from skinfluence.linalg._scores import STEP
from tests.linalg._zoo import KINDS, make_design, name_of

rng = np.random.default_rng(0)


@pytest.mark.parametrize("kind", KINDS, ids=name_of)
@pytest.mark.parametrize("K", [1, 3])
@pytest.mark.parametrize("given", [False, True], ids=["new", "given"])
def test_scores_are_sums_over_the_outputs(kind, K, given):
    n = 2 * STEP + 9
    design, Z = make_design(kind, n=n)
    parts = [rng.standard_normal((Z.shape[1], 4)) for _ in range(K)]
    some = slice(5, n - 2)
    rho = rng.standard_normal((n - 7, K))
    out = np.full((4, n - 7), np.nan) if given else None
    found = score_reader(design, parts)(some, rho, out)
    expected = sum(r * (part.T @ Z[some].T) for r, part in zip(rho.T, parts, strict=True))
    assert_allclose(found, expected, atol=1e-12)
    assert out is None or found is out


@pytest.mark.parametrize("K", [1, 3])
@pytest.mark.parametrize("r", [0, 2])
def test_rows_scaled_before_the_product_give_the_same_scores(K, r):
    n, m = 2 * STEP + 9, 100
    design, Z = make_design((False, True, True), n=n)
    parts = [rng.standard_normal((Z.shape[1], m)) for _ in range(K)]
    shared, some = rng.standard_normal((m, r)), slice(5, n - 2)
    rho, coefs = rng.standard_normal((n - 7, K)), rng.standard_normal((n - 7, r))
    out = np.full((m, n - 7), np.nan)
    scaled_rows_reader(design, parts, shared)(some, rho, coefs, out)
    expected = sum(k * (part.T @ Z[some].T) for k, part in zip(rho.T, parts, strict=True))
    assert_allclose(out, expected + shared @ coefs.T, atol=1e-11)
    assert scaled_rows_reader(design, [part[:, :4] for part in parts], shared[:4]) is None


def test_scores_of_float32_rows_are_float32():
    design, _ = make_design((False, False, True))
    single = design.with_rows_of(design.X.astype(np.float32))
    parts = [rng.standard_normal((5, 2)) for _ in range(3)]
    rho = rng.standard_normal((23, 3))
    found = score_reader(single, parts)(slice(0, 23), rho)
    expected = score_reader(design, parts)(slice(0, 23), rho)
    assert found.dtype == np.float32
    assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
