"""dattri: explicit Hessian, conjugate gradients and LiSSA.

The inverse is taken batch by batch and *summed*, which is the inverse Hessian only when one batch
holds all rows; and it is taken again for every batch of training gradients. So both loaders have a
single batch. Its answers are float32 unless torch's default type is float64.
"""

from contextlib import contextmanager

from benchmarks.peers._torch import (
    loader,
    loss_function,
    mean_penalty,
    test_tensors,
    torch_model,
    training_tensors,
)

#: It has no stopping rule ("tol" is not used): as many iterations as the error needs.
ITERATIONS = 100


def explicit(case):
    from dattri.algorithm import IFAttributorExplicit

    return _attribute(case, IFAttributorExplicit, regularization=mean_penalty(case))


def conjugate_gradients(case):
    from dattri.algorithm import IFAttributorCG

    return _attribute(case, IFAttributorCG, regularization=mean_penalty(case), max_iter=ITERATIONS)


def relative(case, kind):
    """Relative influence (RelatIF) by the explicit Hessian; `kind` is "theta" or "l"."""
    from dattri.algorithm import IFAttributorExplicit

    penalty = mean_penalty(case)
    scores = _scores(case, IFAttributorExplicit, {"relatif_method": kind}, regularization=penalty)
    return scores.T.detach().numpy()


def lissa(case):
    from dattri.algorithm import IFAttributorLiSSA

    settings = case.lissa
    return _attribute(
        case,
        IFAttributorLiSSA,
        batch_size=settings["batch"],
        recursion_depth=settings["depth"],
        scaling=settings["scale"],
        damping=mean_penalty(case) / settings["scale"],
    )


def _attribute(case, attributor, **settings):
    scores = _scores(case, attributor, {}, **settings)
    return scores.T.div(len(case.X)).detach().numpy()


def _scores(case, attributor, asked, **settings):
    import torch
    from dattri.task import AttributionTask

    model = torch_model(case)
    loss = loss_function(case)

    def mean_loss(params, data):
        X, y = data
        raw = torch.func.functional_call(model, params, X.to(torch.float64))
        # LiSSA hands out float labels
        return loss(raw, y.to(torch.float64 if case.n_outputs == 1 else torch.int64))

    with _default_type(torch.float64):
        task = AttributionTask(mean_loss, model, model.state_dict())
        made = attributor(task, **settings)
        training = loader(training_tensors(case), len(case.X))
        made.cache(training)
        return made.attribute(training, loader(test_tensors(case), len(case.X_test)), **asked)


@contextmanager
def _default_type(dtype):
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
