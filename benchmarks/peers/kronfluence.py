"""kronfluence: EK-FAC, a Kronecker-factored approximation in its eigenbasis.

It has no exact inverse: its answers differ from the influence function by design.
"""

from tempfile import TemporaryDirectory

from benchmarks.peers._torch import (
    as_fetched,
    loss_function,
    mean_penalty,
    rows,
    test_tensors,
    torch_model,
    training_tensors,
)

#: Tried: 1,024 to 65,536.
BATCH = 8192


def ekfac(case):
    import torch
    from kronfluence import Analyzer, FactorArguments, ScoreArguments, Task, prepare_model
    from kronfluence.utils.dataset import DataLoaderKwargs

    loss = loss_function(case)

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
    task, double = Classification(), torch.float64
    model = prepare_model(torch.nn.Sequential(torch_model(case)), task)
    with TemporaryDirectory() as folder:
        analyzer = Analyzer(
            "benchmark", model, task, cpu=True, disable_tqdm=True, output_dir=folder
        )
        analyzer.set_dataloader_kwargs(DataLoaderKwargs(collate_fn=as_fetched))
        training = rows(*training_tensors(case))
        analyzer.fit_all_factors(
            "ekfac",
            training,
            per_device_batch_size=BATCH,
            factor_args=FactorArguments(
                strategy="ekfac",
                covariance_max_examples=None,
                lambda_max_examples=None,
                activation_covariance_dtype=double,
                gradient_covariance_dtype=double,
                per_sample_gradient_dtype=double,
                lambda_dtype=double,
            ),
        )
        analyzer.compute_pairwise_scores(
            "scores",
            "ekfac",
            query_dataset=rows(*test_tensors(case)),
            train_dataset=training,
            per_device_query_batch_size=len(case.X_test),
            per_device_train_batch_size=BATCH,
            score_args=ScoreArguments(
                damping_factor=mean_penalty(case),
                per_sample_gradient_dtype=double,
                precondition_dtype=double,
                score_dtype=double,
            ),
        )
        scores = analyzer.load_pairwise_scores("scores")
    return scores["all_modules"].div(len(case.X)).numpy()


def _sampled(raw):
    import torch

    if raw.shape[1] == 1:
        return torch.bernoulli(torch.sigmoid(raw))
    return torch.multinomial(torch.softmax(raw, dim=1), 1).squeeze(1)
