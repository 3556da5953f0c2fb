"""What the packages on torch share: the model, its loss and loaders that hand out slices."""

import numpy as np


def torch_model(case):
    """The fitted coefficients as a linear layer."""
    import torch

    estimator = case.estimator
    K, q = estimator.coef_.shape
    model = torch.nn.Linear(q, K, bias=bool(estimator.fit_intercept), dtype=torch.float64)
    with torch.no_grad():
        model.weight.copy_(torch.from_numpy(estimator.coef_))
        if estimator.fit_intercept:
            model.bias.copy_(torch.from_numpy(estimator.intercept_))
    return model


def mlp_model(estimator):
    """A fitted MLPClassifier with tanh, without the softmax, as layers."""
    import torch

    layers = []
    for W, b in zip(estimator.coefs_, estimator.intercepts_, strict=True):
        layer = torch.nn.Linear(*W.shape, dtype=torch.float64)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(W.T))
            layer.bias.copy_(torch.from_numpy(b))
        layers += [layer, torch.nn.Tanh()]
    return torch.nn.Sequential(*layers[:-1])


def loss_function(case):
    """The functional loss of (raw predictions, labels), for one output or several."""
    from torch.nn import functional

    if case.n_outputs == 1:
        return functional.binary_cross_entropy_with_logits
    return functional.cross_entropy


def tensors(case, X, y):
    """Rows and labels as the loss takes them: (n, 1) numbers for one output, else (n,) classes."""
    import torch

    labels = y[:, None].astype(np.float64) if case.n_outputs == 1 else y.astype(np.int64)
    return torch.from_numpy(X), torch.from_numpy(labels)


def training_tensors(case):
    return tensors(case, case.X, case.y)


def test_tensors(case):
    return tensors(case, case.X_test, case.y_test)


def rows(*columns):
    """A dataset whose consecutive rows are fetched as one slice."""
    from torch.utils.data import TensorDataset

    class Rows(TensorDataset):
        def __getitems__(self, indices):  # of a sampler that goes through the rows in order
            return [tensor[indices[0] : indices[-1] + 1] for tensor in self.tensors]

    return Rows(*columns)


def as_fetched(batch):
    """In place of a collation: `rows` hands out whole batches."""
    return batch


def loader(columns, batch_size):
    """A DataLoader over slices."""
    from torch.utils.data import DataLoader

    return DataLoader(rows(*columns), batch_size=batch_size, collate_fn=as_fetched)


def mean_penalty(case):
    """The penalty's curvature beside a mean of losses."""
    return 1.0 / (case.estimator.C * len(case.X))
