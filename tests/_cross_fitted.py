"""Settings of a TargetEncoder that encodes the same table in the same way at each fit."""

import sklearn
from sklearn.model_selection import KFold
from sklearn.utils.fixes import parse_version

recent = parse_version(sklearn.__version__) >= parse_version("1.9")
SAME_FOLDS = {"cv": KFold(4)} if recent else {"cv": 4, "shuffle": False}
