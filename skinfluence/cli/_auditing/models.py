"""Models by name, around scikit-learn's transformers for the kinds of columns."""

from dataclasses import dataclass

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC, LinearSVR

from skinfluence.cli._files.records import DataError
from skinfluence.labels import LabelFlagger

from .skrub_encoder import skrub_encoder

#: (classifier, regressor); None where a name means only one of them.
MODELS: dict = {
    "logistic": (lambda: LogisticRegression(max_iter=1000), None),
    "ridge": (None, Ridge),
    "svm": (LinearSVC, LinearSVR),
    "boosting": (
        lambda: HistGradientBoostingClassifier(random_state=0),
        lambda: HistGradientBoostingRegressor(random_state=0),
    ),
    "forest": (
        lambda: ExtraTreesClassifier(200, random_state=0),
        lambda: ExtraTreesRegressor(200, random_state=0),
    ),
}
#: A word, also of one letter; a text without any is one as a whole.
WORD = r"(?u)\b\w+\b|^\W*$"
#: Words of a column of free text that count, and their directions for models of dense columns.
MOST_WORDS = 20_000
MOST_DIRECTIONS = 50
#: Of so many rows more landmarks find hardly more, in a multiple of the time and the memory.
MANY_ROWS, FEW_LANDMARKS = 20_000, 300


class Directions(TruncatedSVD):
    """TruncatedSVD to at most `n_components` directions, or as many as there are words."""

    n_components: int

    def fit_transform(self, X, y=None):
        self.n_components = min(self.n_components, X.shape[1])
        return super().fit_transform(X, y)


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


def make_flagger(choice, prepared, *, contamination="auto", verbose=None):
    """An unfitted LabelFlagger."""
    settings: dict = {"contamination": contamination, "verbose": verbose}
    if len(prepared.labels.rows) > MANY_ROWS:
        settings["n_components"] = FEW_LANDMARKS
    if choice.is_own:
        return LabelFlagger(representation=choice.name, n_jobs=-1, **settings)  # threads
    return LabelFlagger(make_model(choice, prepared), **settings)


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
        raise DataError(f"--model {name} predicts no {task}. Use another model, or --task.")
    dense = name in ("boosting", "forest")
    steps = [skrub_encoder() if choice.skrub else encoder(prepared.columns, dense=dense)]
    if choice.kernel_map:
        n = min(choice.kernel_map, len(prepared.labels.rows) // 2)  # explain leaves rows out
        steps.append(Nystroem(n_components=n, random_state=0))
    return make_pipeline(*steps, make())


def encoder(columns, dense=False):
    """Unfitted ColumnTransformer: numbers scaled, categories one-hot, free text as TF-IDF."""
    places: dict = {"numbers": [], "categories": [], "text": []}
    for place, column in enumerate(columns.values()):
        places[column.kind].append(place)
    numbers = make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler())
    one_hot = OneHotEncoder(
        handle_unknown="infrequent_if_exist", max_categories=30, sparse_output=not dense
    )
    parts: list = [("numbers", numbers, places["numbers"])]
    parts += [("categories", one_hot, places["categories"])]
    for place in places["text"]:  # one column, not a list of one: the vectorizer takes texts
        words = TfidfVectorizer(
            sublinear_tf=True, max_features=MOST_WORDS, token_pattern=WORD, dtype=np.float32
        )
        if dense:
            words = make_pipeline(words, Directions(MOST_DIRECTIONS, random_state=0))
        parts.append((f"text {place}", words, place))
    return ColumnTransformer(
        [part for part in parts if part[2] != []], sparse_threshold=0.0 if dense else 0.3
    )
