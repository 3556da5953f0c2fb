"""Derivatives of composite steps: pipelines, unions, column transformers."""

import numpy as np
from sklearn.utils import _safe_indexing

from skinfluence.perturbation._vjp import is_linear, register_vjp, transformed, vjp


def forward(steps, X):
    """The input of each of the steps, in order; all None for None, where all are linear."""
    if X is None:
        return [None] * len(steps)
    inputs = [X]
    for step in steps[:-1]:
        inputs.append(transformed(step, inputs[-1]))
    return inputs[: len(steps)]


def vjp_through(steps, X, V):
    """Derivatives in the input of a chain of steps from those in its output."""
    for step, here in reversed(list(zip(steps, forward(steps, X), strict=True))):
        V = vjp(step, here, V)
    return V


def steps_of(pipeline):
    """Steps of a pipeline other than "passthrough" and None."""
    return [step for _, step in pipeline.steps if step is not None and step != "passthrough"]


def _all_linear(steps):
    return all([is_linear(step) for step in steps])  # a list: all are checked


@register_vjp("sklearn.pipeline", "Pipeline", linear=lambda p: _all_linear(steps_of(p)))
def pipeline(step, X, V):
    """The chain rule."""
    return vjp_through(steps_of(step), X, V)


@register_vjp("sklearn.frozen", "FrozenEstimator", linear=lambda step: is_linear(step.estimator))
def frozen_estimator(step, X, V):
    """That of the frozen step."""
    return vjp(step.estimator, X, V)


def _parts(union):
    weights = union.transformer_weights or {}
    for name, step in union.transformer_list:
        if step != "drop":
            yield step, weights.get(name, 1.0)


def _union_is_linear(union):
    _all_linear([step for step, _ in _parts(union)])
    return False  # how many columns each part has is seen on rows


@register_vjp("sklearn.pipeline", "FeatureUnion", linear=_union_is_linear)
def feature_union(step, X, V):
    """The sum over the parts."""
    return add_parts(union_parts(step, _safe_indexing(X, [0])), X.shape[1], X, V)


def union_parts(union, first):
    """(step, output slice, weight) of each part; the slices are seen on a row."""
    begin, out = 0, []
    for part, weight in _parts(union):
        made = transformed(part, first)
        out.append((part, slice(begin, begin + made.shape[1]), weight))
        begin += made.shape[1]
    return out


def add_parts(parts, n_in, X, V):
    """Sum of the derivatives of (step, output slice, weight), each in all n_in inputs."""
    out = np.zeros((*V.shape[:-1], n_in))
    for part, place, weight in parts:
        out += weight * vjp(part, X, V[..., place])
    return out


def column_parts(transformer):
    """(step, input columns, output slice, weight) of each part that has an output."""
    weights = transformer.transformer_weights or {}
    for name, step, _ in transformer.transformers_:
        columns = transformer._transformer_to_input_indices[name]
        place = transformer.output_indices_[name]
        if step != "drop" and len(columns) and place.stop > place.start:
            yield step, np.asarray(columns), place, weights.get(name, 1.0)


@register_vjp(
    "sklearn.compose",
    "ColumnTransformer",
    linear=lambda step: _all_linear([part for part, *_ in column_parts(step)]),
)
def column_transformer(step, X, V):
    """Each part's derivatives on its own columns; added up where parts share them."""
    return through_columns(column_parts(step), step.n_features_in_, X, V)


def through_columns(parts, n_in, X, V):
    """Sum of those of (step, input columns, output slice, weight) in n_in inputs."""
    out = np.zeros((*V.shape[:-1], n_in))
    for part, columns, place, weight in parts:
        mine = None if X is None else _safe_indexing(X, columns, axis=1)
        product = weight * vjp(part, mine, V[..., place])
        for j, column in enumerate(columns):  # a part may name a column twice: both count
            out[..., column] += product[..., j]
    return out
