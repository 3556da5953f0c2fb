"""pyDVL: direct, block conjugate gradients and LiSSA.

Its regulariser is added to the whole diagonal, so that an intercept is penalised too.
"""

from benchmarks.peers._torch import (
    loader,
    loss_function,
    mean_penalty,
    test_tensors,
    torch_model,
    training_tensors,
)

#: Tried: 64 to 4,096, and 32 to 1,024; for conjugate gradients up to all rows.
HESSIAN_BATCH = 1024
GRADIENT_BATCH = 512
PRODUCT_BATCH = 8192


def direct(case):
    """DirectInfluence: mean-form Hessian by automatic differentiation, LU solution."""
    from pydvl.influence.torch import DirectInfluence

    made = DirectInfluence(
        torch_model(case), loss_function(case), regularization=mean_penalty(case)
    )
    return _influences(case, made.fit(loader(training_tensors(case), HESSIAN_BATCH)))


def conjugate_gradients(case):
    """CgInfluence for all test rows at once.

    Its Hessian products average the means of the batches whatever their sizes: with a shorter last
    batch answers are off by per cents, so that the size of a batch has to divide the rows.
    """
    from pydvl.influence.torch import CgInfluence

    made = CgInfluence(
        torch_model(case),
        loss_function(case),
        regularization=mean_penalty(case),
        rtol=case.tolerance,
        atol=0.0,
        maxiter=1000,
        solve_simultaneously=True,
    )
    n = len(case.X)
    batch = next(size for size in range(PRODUCT_BATCH, 0, -1) if n % size == 0)
    return _influences(case, made.fit(loader(training_tensors(case), batch)))


def lissa(case):
    """LissaInfluence with the scale and depth of the case.

    It makes a loader of its own at every call, which shuffles and collates row by row.
    """
    from pydvl.influence.torch import LissaInfluence
    from torch.utils.data import DataLoader, TensorDataset

    settings = case.lissa
    made = LissaInfluence(
        torch_model(case),
        loss_function(case),
        regularization=mean_penalty(case),
        maxiter=settings["depth"],
        scale=settings["scale"],
        rtol=0.0,
        warn_on_max_iteration=False,
    )
    rows = DataLoader(TensorDataset(*training_tensors(case)), settings["batch"])
    return _influences(case, made.fit(rows))


def _influences(case, made):
    import torch

    # the test rows are solved for once; `influences` would solve again for every batch
    factors = made.influence_factors(*test_tensors(case))
    blocks = [
        made.influences_from_factors(factors, X, y)
        for X, y in loader(training_tensors(case), GRADIENT_BATCH)
    ]
    return torch.cat(blocks, dim=1).div_(len(case.X)).detach().numpy()
