"""Reasons why estimators cannot be explained, and alternatives: one entry per family."""

import re
from dataclasses import dataclass

from sklearn.base import TransformerMixin, is_classifier, is_regressor
from sklearn.utils import get_tags

KERNEL = "make_pipeline(StandardScaler(), Nystroem(), {})"


@dataclass(frozen=True)
class Family:
    """Estimators that are refused for one reason.

    Attributes
    ----------
    modules, names : str
        Regular expressions that begin the module and are the name of a class.
    reason : str
        The end of a sentence that begins with the class's name.
    classifier, regressor : str
        Code of an estimator that can be explained.
    hint : str
        What else to know; empty for nothing.
    """

    modules: str
    names: str
    reason: str
    classifier: str = "LogisticRegression()"
    regressor: str = "Ridge()"
    hint: str = ""


FAMILIES = (
    Family(
        r"sklearn\.(tree|ensemble)|xgboost|lightgbm|catboost|imblearn\.ensemble",
        r".*(Tree|Forest|Trees|GradientBoosting|XGB|LGBM|CatBoost|XGBRF).*",
        "is made of trees, whose predictions jump where a training row changes a split: there is "
        "no derivative",
        "make_pipeline(RandomTreesEmbedding(random_state=0), LogisticRegression())",
        "make_pipeline(RandomTreesEmbedding(random_state=0), Ridge())",
    ),
    Family(
        r"torch|keras|tensorflow|skorch|scikeras",
        ".*",
        "is a network of a package whose derivatives are not read here",
        KERNEL.format("LogisticRegression()"),
        KERNEL.format("Ridge()"),
        "MLPClassifier and MLPRegressor of scikit-learn are explained. Or give the outputs of the "
        "last hidden layer as X.",
    ),
    Family(
        r"sklearn\.linear_model",
        r"Perceptron",
        "stops where no training row is on the wrong side, or after some passes: that is no "
        "optimum, and depends on the order of the rows",
        "LinearSVC()",
        hint='SGDClassifier(loss="hinge") is the Perceptron with a margin.',
    ),
    Family(
        r"sklearn\.linear_model",
        r"PassiveAggressive.*",
        "moves just far enough to fit each row as it comes: where it stops is no optimum, and "
        "depends on the order of the rows",
        "LinearSVC()",
        "Ridge()",
    ),
    Family(
        r"sklearn\.linear_model",
        r"TheilSenRegressor",
        "is the spatial median of fits to drawn subsets of the rows, and minimises no sum over "
        "rows",
        regressor="HuberRegressor(max_iter=1000)",
    ),
    Family(
        r"sklearn\.linear_model",
        r"RANSACRegressor",
        "keeps the rows that agree with a drawn subset, and another draw after the removal of a "
        "row is a jump",
        regressor="HuberRegressor(max_iter=1000)",
        hint="Or explain its estimator_ on the rows of inlier_mask_.",
    ),
    Family(
        r"sklearn\.dummy",
        r"Dummy(Classifier|Regressor)",
        "ignores the features: every training row is as much to the point as any other",
    ),
    Family(
        r"sklearn\.isotonic",
        r"IsotonicRegression",
        "pools neighbouring rows into steps, and other pools after the removal of a row are a jump",
        regressor="make_pipeline(SplineTransformer(), Ridge())",
    ),
    Family(
        r"sklearn\.cross_decomposition",
        r"CCA|PLSCanonical|PLSRegression",
        "finds its directions one after another, and minimises no sum over rows",
        regressor="make_pipeline(PCA(), Ridge())",
        hint="The directions are held fixed there.",
    ),
    Family(
        r"sklearn\.semi_supervised",
        r"Label(Propagation|Spreading)",
        "passes labels along a graph of all rows, which changes with every row",
        KERNEL.format("LogisticRegression()"),
    ),
    Family(
        r"sklearn\.calibration",
        r"CalibratedClassifierCV",
        "fits its calibration to predictions on rows that its members did not see, so that a "
        "removed row moves both; sigmoids are moreover fitted to targets that count the rows of "
        "each class, and isotonic calibration is made of steps",
        hint="Its probabilities are those of the logistic loss. A logistic calibration of a fitted "
        "model is explained: StackingClassifier([('model', FrozenEstimator(fitted))]).",
    ),
    Family(
        r"skinfluence|sklearn\.(ensemble|calibration|multiclass|multioutput|semi_supervised|"
        r"compose|model_selection)",
        r"AdaBoost.*|Bagging.*|Voting.*|One.*|MultiOutput.*|SelfTraining.*|.*Threshold.*|"
        r"TransformedTargetRegressor|Cleaned.*|InfluenceExplainer",
        "holds other estimators, and what it makes of them has no objective of its own",
        hint="Explain the estimator that it holds, on the rows and targets that it is given there.",
    ),
)

UNKNOWN = Family("", "", "has no objective that is known here")
OWN = (
    "A class of your own can be registered: see skinfluence.adapters.register and the page "
    "'Extending skinfluence' of the documentation."
)

UNLABELLED = (
    "assigns rows to clusters, components or outliers without labels: there is no prediction of a "
    "label to explain. Explain a classifier that is fitted to what it found: "
    "InfluenceExplainer(LogisticRegression()).fit(X, found)."
)
ONE_CLASS = (
    "follows stochastic steps without labels, which stop short of the optimum: there is no "
    "prediction of an optimum to explain. Use OneClassSVM() instead, or a classifier that is "
    "fitted to what it found: InfluenceExplainer(SVC()).fit(X, machine.predict(X))."
)
TRANSFORMER = (
    "is a transformer: there is no prediction to explain. Put it before a classifier or regressor: "
    "make_pipeline({name}(), LogisticRegression())."
)


def refusal(estimator, supported):
    """(why an estimator is refused and what to use instead, what is supported).

    Parameters
    ----------
    estimator : object
        An instance of no registered class.
    supported : list of (str, str)
        Module prefixes and names of the registered classes.
    """
    cls = type(estimator)
    names = ", ".join(sorted({name for _, name in supported}))
    known = (
        f"Supported: {names}; also as the last step of a Pipeline, in a FrozenEstimator, and in "
        "GridSearchCV and the other searches."
    )
    if isinstance(estimator, type):
        name = estimator.__name__
        return f"{name} is a class. Expected an estimator: {name}().", ""
    if not hasattr(estimator, "fit"):
        return f"{estimator!r:.60} is a {cls.__name__}, and no estimator of scikit-learn.", known
    known_itself = any(_matches(cls, family) for family in FAMILIES)
    for parent in () if known_itself else cls.__mro__[1:]:
        if any(_is(parent, module, name) for module, name in supported):
            return (
                f"{cls.__name__} is a subclass of {parent.__name__}, and may minimise something "
                f"else: its objective is not known. Use {parent.__name__}() instead. {OWN}",
                "",
            )
    if not is_classifier(estimator) and not is_regressor(estimator):
        return _without_prediction(estimator), f"{known} {OWN}"
    family = family_of(cls)
    instead = family.classifier if is_classifier(estimator) else family.regressor
    hint = f" {family.hint}" if family.hint else ""
    own = f" {OWN}" if family is UNKNOWN else ""
    return (
        f"{cls.__name__} cannot be explained: it {family.reason}. Use {instead} instead.{hint}",
        f"{known}{own}",
    )


def family_of(cls):
    """The Family of a class that is not registered; UNKNOWN where none has it."""
    return next((family for family in FAMILIES if _belongs(cls, family)), UNKNOWN)


def _without_prediction(estimator):
    name = type(estimator).__name__
    if name.endswith("OneClassSVM"):
        return f"{name} {ONE_CLASS}"
    if get_tags(estimator).estimator_type in ("clusterer", "outlier_detector", "density_estimator"):
        return f"{name} {UNLABELLED}"
    if isinstance(estimator, TransformerMixin):
        return f"{name} {TRANSFORMER.format(name=name)}"
    return f"{name} is no classifier and no regressor: there is no prediction to explain."


def _is(cls, module, name):
    return cls.__name__ == name and (cls.__module__ + ".").startswith(module + ".")


def _belongs(cls, family):
    return any(_matches(base, family) for base in cls.__mro__[:-1])


def _matches(cls, family):
    return re.match(rf"({family.modules})(\.|$)", cls.__module__) and re.fullmatch(
        family.names, cls.__name__
    )
