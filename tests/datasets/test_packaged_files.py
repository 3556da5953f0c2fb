"""What ships is what ``tools/make_packaged_data.py`` makes, and it is small."""

import gzip
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from tests._data import ROOT, data_folder

PACKAGED = ROOT / "skinfluence" / "datasets" / "data"


@pytest.fixture(scope="module")
def made_again(shared_data, tmp_path_factory):
    out = tmp_path_factory.mktemp("data")
    script = ROOT / "tools" / "make_packaged_data.py"
    subprocess.run([sys.executable, script, data_folder(), "--out", out], check=True)
    return out


def test_the_tool_makes_the_hospital_file_again(made_again):
    name = "hospital_readmission.npz"
    with np.load(PACKAGED / name) as packaged, np.load(made_again / name) as again:
        assert packaged.files == again.files
        for key in packaged.files:
            assert_array_equal(packaged[key], again[key])
            assert packaged[key].dtype == again[key].dtype


def test_the_tool_makes_the_forest_fires_file_again(made_again):
    name = "forest_fires.csv.gz"
    # The text, because zlib libraries differ in the bytes that they compress to.
    with gzip.open(PACKAGED / name) as packaged, gzip.open(made_again / name) as again:
        assert packaged.read() == again.read()


def test_packaged_files_are_small():
    assert sum(path.stat().st_size for path in PACKAGED.iterdir()) < 250_000
