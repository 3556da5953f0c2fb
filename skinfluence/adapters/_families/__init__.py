"""One estimator family a file; importing this package registers them all."""

from skinfluence.adapters._families import (  # noqa: F401
    bagging,
    bayesian_ridge,
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
    quantile,
    stochastic,
    svc,
    svm,
    svr,
)
