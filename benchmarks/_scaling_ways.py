"""The ways that are compared as rows, columns and classes grow."""

from benchmarks import _by_hand, _by_hand_large
from benchmarks._ways import Way, explained
from benchmarks.peers import captum, dattri, kronfluence, pydvl, pyinfluence
from skinfluence.solvers import CGSolver


def _direct(case):
    return _by_hand.smaller_side(case) if case.n_outputs == 1 else _by_hand_large.direct(case)


def _ours(solver, *, name=None, label=None, method="first_order", dtype="float64"):
    return Way(
        name or solver,
        f"skinfluence, {label or solver}",
        explained(method, polish=False, solver=solver),
        needs="skinfluence",
        dtype=dtype,
    )


def _torch(name, label, run):
    return Way(name, label, run, needs=name.split("_")[0], uses_torch=True)


#: The way that the others are compared with.
OURS = "auto"

WAYS = {
    way.name: way
    for way in (
        Way("direct", "numpy by hand, Hessian factorised", _direct),
        Way("scipy_cg", "numpy by hand, scipy's cg", _by_hand_large.scipy_cg),
        _ours("auto"),
        _ours("auto", name="float32", label="auto, float32 rows", dtype="float32"),
        _ours("auto", name="default", label='auto, method="auto"', method=None),
        _ours("cholesky"),
        _ours("cg"),
        _ours(CGSolver(tol=0.1), name="cg_coarse", label="cg, tol=0.1"),
        _ours("lissa"),
        Way(
            "pyinfluence",
            "pyinfluence InfluenceFunctions",
            pyinfluence.closed_form,
            needs="pyinfluence",
            binary_only=True,
        ),
        _torch("pydvl_direct", "pyDVL DirectInfluence", pydvl.direct),
        _torch("pydvl_cg", "pyDVL CgInfluence, block", pydvl.conjugate_gradients),
        _torch("pydvl_lissa", "pyDVL LissaInfluence", pydvl.lissa),
        _torch("captum", "captum NaiveInfluenceFunction", captum.naive),
        _torch("dattri_explicit", "dattri IFAttributorExplicit", dattri.explicit),
        _torch("dattri_cg", "dattri IFAttributorCG", dattri.conjugate_gradients),
        _torch("dattri_lissa", "dattri IFAttributorLiSSA", dattri.lissa),
        _torch("kronfluence", "kronfluence EK-FAC", kronfluence.ekfac),
    )
}
#: Other packages: what ours are compared with.
PEERS = [name for name, way in WAYS.items() if way.needs not in ("numpy", "skinfluence")]
#: Our ways to the same answer from the same table, more or less exactly.
OURS_ALL = ["auto", "cholesky", "cg", "cg_coarse", "lissa"]
