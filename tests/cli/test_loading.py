"""What a command imports, and the garbage collector meanwhile."""

import gc
import subprocess
import sys

import numpy as np
import sklearn  # noqa: F401

from skinfluence.cli._loading import loading

#: Slow to import; `explain` needs none of them, `audit` the first four.
HEAVY = (
    "skinfluence.labels",
    "sklearn.ensemble",
    "sklearn.tree",
    "sklearn.datasets",
    "http.server",
    "jinja2",
    "matplotlib",
    "numba",
    "skinfluence.displays",
    "skinfluence.report",
    "sklearn.gaussian_process",
    "sklearn.multioutput",
    "sklearn.naive_bayes",
    "sklearn.neural_network",
    "torch",
)
CODE = """
import gc, sys
from skinfluence.cli import main
table, *heavy = sys.argv[1:]
for command in (["explain", table, "--target", "label", "--row", "1"], ["audit", "--quiet"]):
    main(command, standalone_mode=False)
    print(*[name for name in heavy if name in sys.modules], file=sys.stderr)
    print(gc.isenabled(), gc.get_freeze_count() > 0, file=sys.stderr)
"""


def test_commands_import_what_they_need_and_their_modules_are_no_garbage(tmp_path):
    table = tmp_path / "data.csv"
    values = np.random.default_rng(0).normal(size=(40, 2)).round(3)
    rows = [f"{a},{b},{'yes' if a > b else 'no'}" for a, b in values.tolist()]
    table.write_text("\n".join(["a,b,label", *rows]))
    run = [sys.executable, "-c", CODE, str(table), *HEAVY]
    done = subprocess.run(run, capture_output=True, text=True, check=True)
    explain, collector, audit, later = done.stderr.splitlines()[-4:]
    assert explain == ""
    assert audit.split() == [*HEAVY[:4]]
    assert collector == later == "True True"


def test_what_applies_decisions_needs_neither_scikit_learn_nor_scipy():
    code = (
        "import sys, skinfluence.cli._files.cleaning; print({'sklearn', 'scipy'} & {*sys.modules})"
    )
    run = [sys.executable, "-c", code]
    assert subprocess.run(run, capture_output=True, text=True, check=True).stdout == "set()\n"


def test_the_garbage_of_somebody_else_is_collected():
    assert "sklearn" in sys.modules  # as in any process that has used it before
    with loading():
        assert gc.isenabled()
    assert gc.get_freeze_count() == 0
