"""kronfluence: EK-FAC, a Kronecker-factored approximation in its eigenbasis.

It has no exact inverse: its answers differ from the influence function by design.
"""

from tempfile import TemporaryDirectory

from benchmarks.peers._torch import (
    as_fetched,
    loss_function,
    mean_penalty,
    mlp_model,
    rows,
    test_tensors,
    torch_model,
    training_tensors,
)

#: Tried: 1,024 to 65,536.
BATCH = 8192


def ekfac(case):
    """Influences on a logistic regression."""
    import torch

    data = rows(*training_tensors(case)), rows(*test_tensors(case))
    model = torch.nn.Sequential(torch_model(case))
    return _scores(model, loss_function(case), *data, mean_penalty(case), torch.float64)


def ekfac_of_network(case, damping):
    """Influences on an MLPClassifier; `damping` is that of the mean loss.

    In float32, its default, which is faster here than float64 at the same correlations.
    """
    import torch

    dtype = torch.float32
    data = [
        rows(torch.as_tensor(case[X], dtype=dtype), torch.as_tensor(case[y]))
        for X, y in (("X", "y"), ("X_test", "y_test"))
    ]
    model = mlp_model(case["model"]).to(dtype)
    return _scores(model, torch.nn.functional.cross_entropy, *data, damping, dtype)


def _scores(model, loss, training, tests, damping, dtype):
    import torch
    from kronfluence import Analyzer, FactorArguments, ScoreArguments, Task, prepare_model
    from kronfluence.utils.dataset import DataLoaderKwargs

    class Classification(Task):
        def compute_train_loss(self, batch, model, sample=False):
            X, y = batch
            raw = model(X)
            if sample:  # labels of the model's own, for the true Fisher matrix
                y = _sampled(raw.detach())
            return loss(raw, y, reduction="sum")

        def compute_measurement(self, batch, model):
            return self.compute_train_loss(batch, model)

    torch.manual_seed(0)
    task = Classification()
    model = prepare_model(model, task)
    with TemporaryDirectory() as folder:
        analyzer = Analyzer(
            "benchmark", model, task, cpu=True, disable_tqdm=True, output_dir=folder
        )
        analyzer.set_dataloader_kwargs(DataLoaderKwargs(collate_fn=as_fetched))
        analyzer.fit_all_factors(
            "ekfac",
            training,
            per_device_batch_size=BATCH,
            factor_args=FactorArguments(
                strategy="ekfac",
                covariance_max_examples=None,
                lambda_max_examples=None,
                activation_covariance_dtype=dtype,
                gradient_covariance_dtype=dtype,
                per_sample_gradient_dtype=dtype,
                lambda_dtype=dtype,
            ),
        )
        analyzer.compute_pairwise_scores(
            "scores",
            "ekfac",
            query_dataset=tests,
            train_dataset=training,
            per_device_query_batch_size=len(tests),
            per_device_train_batch_size=BATCH,
            score_args=ScoreArguments(
                damping_factor=damping,
                per_sample_gradient_dtype=dtype,
                precondition_dtype=dtype,
                score_dtype=dtype,
            ),
        )
        scores = analyzer.load_pairwise_scores("scores")
    return scores["all_modules"].div(len(training)).numpy()


def _sampled(raw):
    import torch

    if raw.shape[1] == 1:
        return torch.bernoulli(torch.sigmoid(raw))
    return torch.multinomial(torch.softmax(raw, dim=1), 1).squeeze(1)
