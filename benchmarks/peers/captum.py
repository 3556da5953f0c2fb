"""captum: the Hessian and its eigendecomposition."""

from benchmarks.peers._torch import loader, test_tensors, torch_model, training_tensors

#: Tried: 256 to 20,000.
BATCH = 2048


def naive(case):
    """NaiveInfluenceFunction at full rank.

    `hessian_reg` is added to the whole diagonal, so that an intercept is penalised too.
    """
    import torch
    from captum.influence import NaiveInfluenceFunction

    model = torch_model(case)
    several = case.n_outputs > 1
    loss = torch.nn.CrossEntropyLoss if several else torch.nn.BCEWithLogitsLoss
    influence = NaiveInfluenceFunction(
        model,
        loader(training_tensors(case), BATCH),
        checkpoint="",
        checkpoints_load_func=lambda model, path: 1.0,  # the coefficients are in the model already
        loss_fn=loss(reduction="sum"),
        batch_size=None,  # the loader has one
        sample_wise_grads_per_batch=True,
        projection_dim=sum(p.numel() for p in model.parameters()),
        hessian_reg=1.0 / case.estimator.C,
        hessian_inverse_tol=0.0,
    )
    return influence.influence(test_tensors(case)).detach().numpy()
