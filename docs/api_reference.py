"""What the API page lists: one entry a section. A test holds it equal to the public names."""

API_REFERENCE = [
    {
        "title": "Influence",
        "module": "skinfluence",
        "text": "The scikit-learn meta-estimator, and what it returns.",
        "objects": ["InfluenceExplainer"],
    },
    {
        "title": "Support-vector machines",
        "module": "skinfluence.svm",
        "text": "A support-vector classifier with a smooth loss, fitted to its optimum.",
        "objects": ["SmoothHingeSVC"],
    },
    {
        "title": "Wrong labels",
        "module": "skinfluence",
        "text": "Finding wrong labels, and learning without them.",
        "objects": ["LabelFlagger", "LabelCleaner", "CleanedClassifier", "CleanedRegressor"],
    },
    {
        "title": "Rows to show or to keep",
        "module": "skinfluence.selection",
        "text": "Relative influence, rows that are both influential and different, prototypes.",
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
        "title": "Rows that change",
        "module": "skinfluence.perturbation",
        "text": "What moving the features of a training row, replacing it, or relabelling it does.",
        "objects": [
            "perturbation_influence",
            "replacement_influence",
            "relabel_influence",
            "register_pull_back",
            "UnsupportedStepError",
        ],
    },
    {
        "title": "Components of influence",
        "module": "skinfluence.components",
        "text": "Influence without the training loss, without the inverse Hessian, without both.",
        "objects": ["influence_components", "InfluenceComponents"],
    },
    {
        "title": "Groups of rows",
        "module": "skinfluence.groups",
        "text": "What many training rows do together, and which do most.",
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
        "title": "Metrics",
        "module": "skinfluence.metrics",
        "text": "Scorers: how true an explanation is, how well wrong labels are found.",
        "objects": [
            "loo_concordance",
            "linear_datamodeling_score",
            "group_concordance",
            "mislabel_detection_score",
        ],
    },
    {
        "title": "Kernels",
        "module": "skinfluence.kernels",
        "text": "Compiled loops over arrays, where a matrix product will not do.",
        "objects": [
            "TopK",
            "apply_curvature",
            "csr_gram",
            "csr_quadratic_form",
            "csr_scores",
            "effective_threads",
            "hessian_product",
            "lissa_csr",
            "lissa_dense",
            "pack_lanes",
            "row_chunks",
            "run_chunks",
            "run_chunks",
            "single_threaded_blas",
            "worth_compiling",
        ],
    },
    {
        "title": "Losses",
        "module": "skinfluence.losses",
        "text": "What a row costs, with two derivatives in the raw prediction.",
        "objects": [
            "Loss",
            "SquaredError",
            "Logistic",
            "Multinomial",
            "SmoothHinge",
            "SquaredHinge",
            "REGISTRY",
        ],
    },
    {
        "title": "Linear operators",
        "module": "skinfluence.linalg",
        "text": "Per-sample gradients and Hessians which are multiplied, not stored.",
        "objects": [
            "Design",
            "PerSampleGradients",
            "Hessian",
            "block_size",
            "row_blocks",
            "score_reader",
            "CACHE_MIB",
            "SOLVED_MIB",
        ],
    },
    {
        "title": "Objectives",
        "module": "skinfluence.objectives",
        "text": "What an estimator minimised.",
        "objects": [
            "Objective",
            "RowWeights",
            "TargetCoding",
            "Coupling",
            "minimize",
            "is_optimum",
            "NewtonResult",
            "CURVATURES",
            "check_curvature",
            "is_second_derivative",
        ],
    },
    {
        "title": "Solvers",
        "module": "skinfluence.solvers",
        "text": "Ways to the inverse Hessian, by what they ask and what they cost.",
        "objects": [
            "AutoSolver",
            "CholeskySolver",
            "EighSolver",
            "WoodburySolver",
            "CGSolver",
            "NystroemSolver",
            "RootInverse",
            "NeumannSolver",
            "LissaSolver",
            "Solver",
            "InverseHessian",
            "SolverReport",
            "SingularHessianError",
            "DivergenceError",
            "get_solver",
            "REGISTRY",
        ],
    },
    {
        "title": "Adapters",
        "module": "skinfluence.adapters",
        "text": "From a fitted estimator to its objective; where to register your own.",
        "objects": [
            "register",
            "find_adapter",
            "explain_estimator",
            "unwrap",
            "linear_objective",
            "class_weights",
            "Adapter",
            "Explained",
            "Settings",
            "UnsupportedEstimatorError",
            "REGISTRY",
        ],
    },
    {
        "title": "Effects",
        "module": "skinfluence.effects",
        "text": "What a change of row weights does.",
        "objects": [
            "first_order",
            "newton_step",
            "refit",
            "refit_rows",
            "group_first_order",
            "group_second_order",
            "group_newton_step",
            "replace_first_order",
            "replace_newton_step",
            "replace_refit",
            "WeightChanges",
            "Replacement",
            "LinearChanges",
            "LinearReplacements",
            "PartitionedChanges",
            "RefittedChanges",
            "METHODS",
        ],
    },
    {
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
        "title": "Testing",
        "module": "skinfluence.testing",
        "text": "Checks for your own losses, solvers and estimators, and the truth behind them.",
        "objects": [
            "check_loss",
            "check_solver",
            "check_adapter",
            "finite_difference_influence",
            "leave_one_out_influence",
            "tightened",
        ],
    },
]


def _section(entry):
    lines = [entry["title"], "-" * len(entry["title"]), "", entry["text"], ""]
    if entry["objects"]:
        lines += [f".. currentmodule:: {entry['module']}", ""]
        lines += [".. autosummary::", "   :toctree: generated/", ""]
        lines += [f"   {name}" for name in entry["objects"]] + [""]
    return "\n".join(lines)


def render():
    """Return the text of api.rst."""
    title = "API reference\n=============\n\nEvery public name. Anything else may change.\n"
    return "\n".join([title, *map(_section, API_REFERENCE)])
