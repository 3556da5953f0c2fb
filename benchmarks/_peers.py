"""Other packages, each set up to compute the same numbers as nearly as it allows.

Everything runs in float64 on the CPU. Batch sizes are the fastest of those that were tried on the
synthetic table (pyDVL: 64 to 4,096 and 32 to 1,024; captum: 256 to 20,000).
"""

import numpy as np

PYDVL_HESSIAN_BATCH = 1024
PYDVL_GRADIENT_BATCH = 512
CAPTUM_BATCH = 2048


def pydvl_direct(case):
    """pyDVL's DirectInfluence: mean-form Hessian by automatic differentiation, LU solution.

    Its regulariser is added to the whole diagonal, so that an intercept is penalised too.
    """
    import torch
    from pydvl.influence.torch import DirectInfluence
    from torch.utils.data import DataLoader, TensorDataset

    n = len(case.X)
    model = _torch_model(case)
    rows = TensorDataset(*_tensors(case.X, case.y))
    influence = DirectInfluence(
        model,
        torch.nn.functional.binary_cross_entropy_with_logits,
        regularization=1.0 / (case.estimator.C * n),
    ).fit(DataLoader(rows, batch_size=PYDVL_HESSIAN_BATCH))
    # the test rows are solved for once; `influences` would solve again for every batch
    factors = influence.influence_factors(*_tensors(case.X_test, case.y_test))
    blocks = [
        influence.influences_from_factors(factors, X, y)
        for X, y in DataLoader(rows, batch_size=PYDVL_GRADIENT_BATCH)
    ]
    return torch.cat(blocks, dim=1).div_(n).detach().numpy()


def captum_exact(case):
    """captum's NaiveInfluenceFunction at full rank: the Hessian and its eigendecomposition.

    `hessian_reg` is added to the whole diagonal, so that an intercept is penalised too.
    """
    import torch
    from captum.influence import NaiveInfluenceFunction
    from torch.utils.data import TensorDataset

    model = _torch_model(case)
    influence = NaiveInfluenceFunction(
        model,
        TensorDataset(*_tensors(case.X, case.y)),
        checkpoint="",
        checkpoints_load_func=lambda model, path: 1.0,  # the coefficients are in the model already
        loss_fn=torch.nn.BCEWithLogitsLoss(reduction="sum"),
        batch_size=CAPTUM_BATCH,
        sample_wise_grads_per_batch=True,
        projection_dim=sum(p.numel() for p in model.parameters()),
        hessian_reg=1.0 / case.estimator.C,
        hessian_inverse_tol=0.0,
    )
    return influence.influence(_tensors(case.X_test, case.y_test)).detach().numpy()


def pyinfluence_closed_form(case):
    """pyinfluence's InfluenceFunctions without damping: closed form, intercept not penalised."""
    from pyinfluence import InfluenceFunctions

    made = InfluenceFunctions(mode="loss", damping=0.0).fit(case.estimator, case.X, case.y)
    return made.explain(case.X_test, case.y_test)


def _torch_model(case):
    import torch

    estimator = case.estimator
    model = torch.nn.Linear(
        case.X.shape[1], 1, bias=bool(estimator.fit_intercept), dtype=torch.float64
    )
    with torch.no_grad():
        model.weight.copy_(torch.from_numpy(estimator.coef_))
        if estimator.fit_intercept:
            model.bias.copy_(torch.from_numpy(estimator.intercept_))
    return model


def _tensors(X, y):
    import torch

    return torch.from_numpy(X), torch.from_numpy(y[:, None].astype(np.float64))
