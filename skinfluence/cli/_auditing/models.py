"""Models by name, behind an encoder of the columns."""

from dataclasses import dataclass

import sklearn
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC, LinearSVR

from skinfluence._encoding import table_encoder
from skinfluence.cli._files.records import DataError

from .skrub_encoder import skrub_encoder

#: (classifier, regressor); None where a name means only one of them. Naming `sklearn.ensemble`
#: loads it: other models do not wait for it.
MODELS: dict = {
    "logistic": (lambda: LogisticRegression(max_iter=1000), None),
    "ridge": (None, Ridge),
    "svm": (LinearSVC, LinearSVR),
    "boosting": (
        lambda: sklearn.ensemble.HistGradientBoostingClassifier(random_state=0),
        lambda: sklearn.ensemble.HistGradientBoostingRegressor(random_state=0),
    ),
    "forest": (
        lambda: sklearn.ensemble.ExtraTreesClassifier(200, random_state=0),
        lambda: sklearn.ensemble.ExtraTreesRegressor(200, random_state=0),
    ),
}


@dataclass(frozen=True)
class ModelChoice:
    """A model by name, and what stands before it."""

    name: str = "auto"
    kernel_map: int | None = None  # number of landmarks
    skrub: bool = False

    @property
    def is_own(self):
        """Whether a LabelFlagger chooses the model and encodes the columns itself."""
        own = self.name in ("linear", "rbf")
        if own and (self.kernel_map or self.skrub):
            raise DataError(
                f"--model {self.name} has its own encoder and kernel map. Leave out --kernel-map "
                f"and --skrub, or take one of {', '.join(MODELS)}."
            )
        return own or (self.name == "auto" and not self.kernel_map and not self.skrub)


def make_model(choice, prepared):
    """A pipeline of the encoder and the model; "auto": logistic or ridge regression.

    More than ten different whole numbers are values for all models but logistic regression.
    """
    name, classes = choice.name, prepared.labels.task == "classification"
    if name == "auto":
        name = "logistic" if classes else "ridge"
    if name not in MODELS:
        raise DataError(f"--model {name} is for audit. Expected one of {', '.join(MODELS)}.")
    whole_numbers = prepared.labels.task == "auto"
    make = MODELS[name][0 if classes or (whole_numbers and name == "logistic") else 1]
    if make is None:
        task = "classes" if classes else "values"
        others = [known for known, makers in MODELS.items() if makers[0 if classes else 1]]
        raise DataError(
            f"--model {name} predicts no {task}. Expected one of {', '.join(others)}; or say by "
            "--task what the target holds."
        )
    kind = "trees" if name in ("boosting", "forest") else "linear"
    steps = [skrub_encoder() if choice.skrub else table_encoder(prepared.X, model=kind)[0]]
    if choice.kernel_map:
        n = min(choice.kernel_map, len(prepared.labels.rows) // 2)  # explain leaves rows out
        steps.append(Nystroem(n_components=n, random_state=0))
    return make_pipeline(*steps, make())
