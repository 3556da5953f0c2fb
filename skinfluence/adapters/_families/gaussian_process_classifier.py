"""GaussianProcessClassifier: logistic regression on kernel columns, at the mode of Laplace."""

import numpy as np

from skinfluence.adapters._families.kernel_machines import is_covariance
from skinfluence.adapters._kernel import RowKernel, kernel_objective
from skinfluence.adapters._linear import refuse
from skinfluence.adapters._registry import register_path
from skinfluence.losses import Logistic
from skinfluence.objectives import RowWeights, TargetCoding


class LatentLogistic(Logistic):
    """The logistic loss of the latent function.

    Its sigmoid is no probability of the classifier, which averages it over the latent variance.
    """

    name = ""  # no loss of its own in the registry

    def probability(self, raw_prediction):
        return None


def _caveat(estimator):
    fixed = "" if estimator.optimizer is None else "The fitted kernel_ is held fixed. "
    return (
        f"{fixed}Losses and decision values are those of the latent function; probabilities, which "
        "are averaged over the latent variance, are no target."
    )


def _check(estimator):
    refuse(
        estimator,
        estimator.multi_class != "one_vs_rest",
        f"multi_class={estimator.multi_class!r}",
        'Expected multi_class="one_vs_rest".',
    )


@register_path("sklearn.gaussian_process.GaussianProcessClassifier", check=_check, caveat=_caveat)
def gaussian_process_classifier(estimator, X, y, sample_weight, settings):
    """Mode of the posterior of the latent function, P = 1 on the kernel columns.

    `predict_proba` averages the sigmoid over the latent variance, which is no function of the
    mode: raw predictions are latent means, and losses those at the latent means. Three or more
    classes have one latent function each, one versus rest, and must share their kernel.
    """
    base, n_classes = estimator.base_estimator_, len(estimator.classes_)
    machines = [base] if n_classes == 2 else base.estimators_
    first = machines[0]
    refuse(
        estimator,
        any(machine.kernel_ != first.kernel_ for machine in machines),
        "a kernel of its own for each class",
        "Expected one kernel for all: pass optimizer=None, or explain the binary classifier of "
        "each class.",
    )
    kernel = RowKernel(first.kernel_, first.X_train_)
    own = first.kernel_.diag(kernel.rows)
    refuse(
        estimator,
        np.abs(own - kernel.diagonal()).max() > 1e-9 * own.max(),
        "white noise in its kernel",
        "Expected a kernel without WhiteKernel: the noise of a latent value is no part of its "
        "prediction.",
    )
    coding = TargetCoding("margin", len(machines), estimator.classes_)
    return kernel_objective(
        estimator,
        X,
        coding.encode(y),
        coding,
        LatentLogistic(),
        kernel,
        np.stack([machine.y_train_ - machine.pi_ for machine in machines], axis=1),
        penalty=1.0,
        weights=RowWeights(sample_weight),
        settings=settings,
        definite=is_covariance(first.kernel_),
    )
