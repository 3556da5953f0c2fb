"""One estimator family a file; importing this package registers them all.

Families name their estimators by path: some modules of scikit-learn are slow to import, and load
when an example is made.
"""

from skinfluence.adapters._families import (  # noqa: F401
    bagging,
    chains,
    composed_classifiers,
    composed_regressors,
    discriminant,
    gaussian_process_classifier,
    glm,
    huber,
    kernel_machines,
    lars,
    lasso,
    least_squares,
    logistic_regression,
    naive_bayes,
    neighbors,
    one_class,
    one_vs_one,
    other_packages,
    output_codes,
    perceptron,
    quantile,
    skorch_networks,
    stacking,
    statsmodels_results,
    stochastic,
    svc,
    svm,
    svr,
    torch_networks,
)
