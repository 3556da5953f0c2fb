"""What the API page lists, by use. A test compares the entries with the public names."""

API_REFERENCE = [
    {
        "group": "Explain predictions",
        "title": "Influence",
        "module": "skinfluence",
        "text": "The scikit-learn meta-estimator: the explainer, which is the fitted model too.",
        "objects": [
            "InfluenceExplainer",
            "supports",
        ],
    },
    {
        "group": "Explain predictions",
        "title": "Targets",
        "module": "skinfluence.targets",
        "text": "The number whose change is computed: one per test row, or one for all of them.",
        "objects": [
            "Target",
            "JointTarget",
            "LossValue",
            "Prediction",
            "DecisionValue",
            "Probability",
            "Mean",
            "WeightedSum",
            "AUROC",
            "TARGETS",
            "bind_target",
            "encode_labels",
        ],
    },
    {
        "group": "Explain predictions",
        "title": "Rows to show",
        "module": "skinfluence.selection",
        "text": "Relative influence, rows that are influential and different, prototypes.",
        "objects": [
            "relative_influence",
            "top_relative_influences",
            "select_diverse",
            "DiverseRows",
            "select_prototypes",
            "Prototypes",
        ],
    },
    {
        "group": "Explain predictions",
        "title": "Components of influence",
        "module": "skinfluence.components",
        "text": "Influence without the training loss, without the inverse Hessian, without both.",
        "objects": [
            "influence_components",
            "InfluenceComponents",
        ],
    },
    {
        "group": "Explain predictions",
        "title": "Displays",
        "module": "skinfluence.displays",
        "text": "Figures in the manner of scikit-learn's displays. They need matplotlib.",
        "objects": [
            "TopInfluenceDisplay",
            "InfluenceDistanceDisplay",
            "InfluenceComponentsDisplay",
            "RelativeInfluenceDisplay",
            "RemovalFidelityDisplay",
            "DampingCurveDisplay",
            "ComparisonDisplay",
            "InfluencePlotDisplay",
            "SelfInfluenceDisplay",
            "GroupInfluenceDisplay",
            "LabelReportDisplay",
            "LabelFixCurveDisplay",
        ],
    },
    {
        "group": "Remove or change training rows",
        "title": "Groups of rows",
        "module": "skinfluence.groups",
        "text": "Effects of removing many rows together, and the groups with the largest effect.",
        "objects": [
            "group_influence",
            "group_table",
            "most_influential_group",
            "smallest_flipping_set",
            "InfluentialGroup",
            "FlippingSet",
        ],
    },
    {
        "group": "Remove or change training rows",
        "title": "Changed rows",
        "module": "skinfluence.perturbation",
        "text": "Effects of other feature values, of another row, or of another label.",
        "objects": [
            "perturbation_influence",
            "replacement_influence",
            "relabel_influence",
            "relabel_influence_blocks",
            "register_pull_back",
            "UnsupportedStepError",
        ],
    },
    {
        "group": "Find wrong labels",
        "title": "Wrong labels",
        "module": "skinfluence",
        "text": "Flag, review, drop or correct labels of classes and values of regressions.",
        "objects": [
            "LabelFlagger",
            "LabelCleaner",
            "CleanedClassifier",
            "CleanedRegressor",
        ],
    },
    {
        "group": "Find wrong labels",
        "title": "Wrong labels from given probabilities",
        "module": "skinfluence.labels",
        "text": "The same noise model on out-of-sample probabilities from any model.",
        "objects": [
            "find_wrong_labels",
            "WrongLabels",
        ],
    },
    {
        "group": "Measure and choose",
        "title": "Metrics",
        "module": "skinfluence.metrics",
        "text": "Scorers: fidelity of an explanation, detection of known wrong labels.",
        "objects": [
            "loo_concordance",
            "linear_datamodeling_score",
            "group_concordance",
            "mislabel_detection_score",
        ],
    },
    {
        "group": "Measure and choose",
        "title": "Solvers",
        "module": "skinfluence.solvers",
        "text": "Methods for the inverse Hessian; `solver=` takes their names or objects.",
        "objects": [
            "AutoSolver",
            "CholeskySolver",
            "EighSolver",
            "WoodburySolver",
            "CGSolver",
            "RootInverse",
            "Sizes",
            "NeumannSolver",
            "LissaSolver",
            "Solver",
            "InverseHessian",
            "SolverReport",
            "SingularHessianError",
            "IndefiniteHessianError",
            "DivergenceError",
            "get_solver",
            "REGISTRY",
        ],
    },
    {
        "group": "Measure and choose",
        "title": "Cross-validation",
        "module": "skinfluence.cross_validation",
        "text": "Scores of models that have not seen a row, without refits, and a search by them.",
        "objects": ["leave_one_out_score", "k_fold_score", "LeaveOneOutSearch"],
    },
    {
        "group": "Measure and choose",
        "title": "Uncertainty",
        "module": "skinfluence.uncertainty",
        "text": "Standard errors, prediction intervals and prediction sets, without refits.",
        "objects": [
            "coef_covariance",
            "standard_error",
            "JackknifePlusRegressor",
            "JackknifePlusClassifier",
        ],
    },
    {
        "group": "Models and data",
        "title": "Support-vector machines",
        "module": "skinfluence.svm",
        "text": "A support-vector classifier with a smooth loss, fitted to its optimum.",
        "objects": [
            "SmoothHingeSVC",
        ],
    },
    {
        "group": "Models and data",
        "title": "Datasets",
        "module": "skinfluence.datasets",
        "text": "Small real data sets which come with the package, and makers of label noise.",
        "objects": [
            "load_hospital_readmission",
            "load_forest_fires",
            "flip_labels",
            "flip_hard_labels",
        ],
    },
    {
        "group": "Extend",
        "title": "Losses",
        "module": "skinfluence.losses",
        "text": "Cost of a row, with two derivatives in the raw prediction.",
        "objects": [
            "Loss",
            "SquaredError",
            "Logistic",
            "Multinomial",
            "OneVsRestLogLoss",
            "HalfTweedie",
            "SmoothHinge",
            "SquaredHinge",
            "Huber",
            "ModifiedHuber",
            "SquaredEpsilonInsensitive",
            "SmoothQuantile",
            "REGISTRY",
            "TEMPERATURE",
        ],
    },
    {
        "group": "Extend",
        "title": "Predictors",
        "module": "skinfluence.predictors",
        "text": "Raw predictions as a function of the parameters, with their derivatives.",
        "objects": [
            "Predictor",
            "LinearPredictor",
            "ComposedPredictor",
            "Combination",
            "Design",
        ],
    },
    {
        "group": "Extend",
        "title": "Objectives",
        "module": "skinfluence.objectives",
        "text": "The function that an estimator minimised.",
        "objects": [
            "Objective",
            "Penalty",
            "MatrixPenalty",
            "RowWeights",
            "TargetCoding",
            "Coupling",
            "minimize",
            "is_optimum",
            "NewtonResult",
            "distance_to_optimum",
            "factorize_upward",
            "CURVATURES",
            "check_curvature",
            "is_second_derivative",
        ],
    },
    {
        "group": "Extend",
        "title": "Effects",
        "module": "skinfluence.effects",
        "text": "What an edit of training rows does to the coefficients; the registry of methods.",
        "objects": [
            "register_effect",
            "Effect",
            "RowEdits",
            "Changes",
            "LinearChanges",
            "StoredChanges",
            "refit",
        ],
    },
    {
        "group": "Extend",
        "title": "Models in closed form",
        "module": "skinfluence.closed_form",
        "text": "Estimators that are sums over rows; they replace the objective.",
        "objects": [
            "ClosedFormModel",
            "SumModel",
            "GaussianNaiveBayes",
            "MultinomialNaiveBayes",
            "ComplementNaiveBayes",
            "BernoulliNaiveBayes",
            "CategoricalNaiveBayes",
            "LinearDiscriminant",
            "QuadraticDiscriminant",
            "Centroids",
            "NearestNeighbors",
            "RadiusNeighbors",
        ],
    },
    {
        "group": "Extend",
        "title": "Adapters",
        "module": "skinfluence.adapters",
        "text": "From a fitted estimator to its objective; the registry of estimators.",
        "objects": [
            "register",
            "find_adapter",
            "check_supported",
            "explain_estimator",
            "unwrap",
            "inner_estimator",
            "is_frozen",
            "is_search",
            "may_write",
            "fit_recorded",
            "weight_parameter",
            "FittedSteps",
            "linear_objective",
            "class_weights",
            "Adapter",
            "FittedModel",
            "Settings",
            "Support",
            "UnsupportedEstimatorError",
            "REGISTRY",
        ],
    },
    {
        "group": "Extend",
        "title": "Parts of the explainer",
        "module": "skinfluence.explainer",
        "text": "What tasks on a fitted explainer share.",
        "objects": [
            "check_explainer",
            "check_training_data",
            "warn_of_stand_in",
            "resolve_method",
            "TestRows",
            "target_changes",
            "influence_blocks",
            "edit_blocks",
            "top_k",
            "change_lengths",
            "scaled_changes",
            "leverage",
            "row_columns",
            "rows_concordance",
            "group_changes",
            "lins_concordance",
            "rank_correlations",
            "EstimatorDelegation",
            "delegated",
            "SingularHessianWarning",
            "ORDERS",
            "KINDS",
            "MOST_TESTS",
            "N_ROWS",
            "GROUPS_AT_ONCE",
        ],
    },
    {
        "group": "Extend",
        "title": "Testing",
        "module": "skinfluence.testing",
        "text": "Checks of losses, predictors, solvers and adapters, and refits to compare with.",
        "objects": [
            "check_loss",
            "check_predictor",
            "check_solver",
            "check_adapter",
            "check_pull_back",
            "finite_difference_influence",
            "leave_one_out_influence",
            "tightened",
        ],
    },
]

GROUPS = {
    "Explain predictions": "Which training rows a prediction rests on, and which to show.",
    "Remove or change training rows": "What the model would predict without them.",
    "Find wrong labels": "Which labels are probably wrong, and models that learn without them.",
    "Measure and choose": "How well an explanation agrees with refits; scorers for a grid search.",
    "Models and data": "An estimator and data sets that come with the package.",
    "Extend": "Base classes, registries and checks for losses, models and solvers of your own.",
}

#: Methods of the explainer, in the order in which a user needs them.
METHODS = [
    "fit",
    "explain",
    "top_influences",
    "influence",
    "self_influence",
    "coef_influence",
    "leverage",
    "leave_one_out_raw_predictions",
    "diagnostics",
    "health",
    "score",
    "resolve_method",
]


def _heading(text, mark):
    return [text, mark * len(text), ""]


def _section(entry, first_of_module):
    module = entry["module"]
    lines = [*_heading(entry["title"], "~"), entry["text"], ""]
    lines += [f".. {'module' if first_of_module else 'currentmodule'}:: {module}", ""]
    lines += [".. autosummary::", "   :toctree: generated/", ""]
    lines += [f"   {name}" for name in entry["objects"]] + [""]
    if "InfluenceExplainer" in entry["objects"]:
        lines += ["Methods of the explainer:", "", ".. autosummary::", ""]
        lines += [f"   InfluenceExplainer.{name}" for name in METHODS] + [""]
    return lines


def render():
    """Text of api.rst."""
    lines = ["API reference", "=============", ""]
    lines += ["Every public name, by what it is used for. Any other name may change.", ""]
    seen = set()
    for group, text in GROUPS.items():
        lines += [*_heading(group, "-"), text, ""]
        for entry in (e for e in API_REFERENCE if e["group"] == group):
            lines += _section(entry, entry["module"] not in seen)
            seen.add(entry["module"])
    return "\n".join(lines)
