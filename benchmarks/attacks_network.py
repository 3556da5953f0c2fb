"""Attacks through a frozen feature map (Koh & Liang 2017, section 5.2, the Inception network).

Run alone: ``python -m benchmarks attacks_network``; needs torch and the larger data sets.
"""

from time import process_time

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks._figures import Figure
from benchmarks._real_data import loaders
from benchmarks._tables import Table
from benchmarks.attacks import N_ROWS, N_TEST, Setting, correct_rows, one_by_one
from skinfluence import InfluenceExplainer
from skinfluence.attacks import TrainingSetAttack, vulnerability
from skinfluence.networks import FeatureMap

#: Skipped without the larger data sets (see _real_data.py), and without torch.
NEEDS_DATA, NEEDS = True, "torch"
#: Training images, and those of the trained network.
N_TRAIN, N_BEFORE = 100, 4000

INTRODUCTION = (
    "Koh & Liang's section 5.2 on a scale that two cores allow: digits 4 and 9 of MNIST, 28 x 28 "
    "pixels of 256 grey levels, a frozen network of PyTorch (FeatureMap), StandardScaler and "
    "LogisticRegression, of which only the last two are fitted, to "
    f"{N_TRAIN} images. 1, 2 or 10 training images are changed by at most one grey level of 255 a "
    "pixel, within 0 to 255, which no eye sees. The derivative goes through the whole network. A "
    "flip counts if a fit of scaler and regression to the changed images has it. The paper has "
    "1,800 training images of dogs and fish, of 299 x 299 pixels in three colours, and features of "
    "the Inception network: one changed image flips 57 % of 591 test images, two flip 77 %, ten "
    "all but one. A change of the same size in each of 784 pixels instead of 268,203 numbers moves "
    "features less. How much less depends on the network, not on its last layer: random "
    "convolutions with large weights amplify small changes layer by layer, a trained network and "
    "a single random layer hardly do."
)


def run(quick=False):
    """A table of flips, and the paper's Figure 5 redrawn."""
    settings = _settings(quick)
    lines, drawn = [], None
    for setting in settings:
        start = process_time()
        explainer = InfluenceExplainer(setting.model).fit(setting.X, setting.y)
        accuracy = np.mean(explainer.predict(setting.X_test) == setting.y_test)
        setting.name += f" (accuracy {accuracy:.2f})"
        tests = correct_rows(setting, explainer, 8 if quick else N_TEST)
        attack = TrainingSetAttack(10, **setting.attack)
        exposed = {
            measure: vulnerability(explainer, setting.X_test[tests], measure=measure, attack=attack)
            for measure in ("loss", "flip")
        }
        nearest = np.argsort(-exposed["flip"])
        for k in N_ROWS:
            line, found = one_by_one(setting, explainer, tests, exposed, nearest, k)
            lines.append([*line[:5], line[-1]])
            flips = [
                (t, each) for t, each in zip(nearest, found, strict=False) if each.confirmed[0]
            ]
            if k == 1 and flips and drawn is None:
                drawn = setting.X_test[tests[flips[-1][0]]], flips[-1][1]
        print(f"  {setting.name}: {process_time() - start:.0f} s of processor", flush=True)
    columns = ["features", "changed rows", "flipped", "attacked", "not confirmed", "AUROC, flip"]
    notes = [
        settings[0].valid,
        "Test images that are classified correctly, in the order of vulnerability(measure='flip'); "
        "attacks end when five in a row stay. 'Not confirmed': flips while the scaler is held "
        "fixed, as the search holds it, that a fit of all steps does not have. AUROC of "
        "vulnerability against what flipped.",
    ]
    made = [Table("Flipped predictions behind a frozen network", columns, lines, notes)]
    if drawn is not None:
        made.insert(
            0, Figure("attacks_network", _caption(drawn), lambda c: _draw(c, drawn), (9.0, 2.6))
        )
    return made


def _settings(quick):
    from benchmarks._image_modules import random_convolutions, shallow, trained

    X, y, X_test, y_test = loaders().mnist(paper=True, raw=True)
    X, y, X_test, y_test = *_pair(X, y), *_pair(X_test, y_test)
    before = slice(N_TRAIN, N_TRAIN + (300 if quick else N_BEFORE))
    network = trained(
        lambda: shallow(28, 2, 16), X[before] / 255, y[before], 1e-4, 2 if quick else 10
    )
    modules = {
        "one random layer": random_convolutions(1),
        "4 random layers": random_convolutions(4),
        "6 random layers": random_convolutions(6),
        f"network trained on {N_BEFORE:,} other images": network[:-1],
    }
    if quick:
        modules = dict(list(modules.items())[1:2])
    attack = {
        "max_change": 1.0, "unit": 1.0, "bounds": (0, 255), "integer": True, "step": 0.5,
        "max_iter": 8,
    }  # fmt: skip
    valid = (
        f"{N_TRAIN} training images, the first of the 55,000; test images of the 10,000. Changes "
        "by whole grey levels, one at most."
    )
    return [
        Setting(
            name,
            X[:N_TRAIN],
            y[:N_TRAIN],
            X_test,
            y_test,
            make_pipeline(
                FeatureMap(_scaled(module)),
                StandardScaler(),
                LogisticRegression(tol=1e-8, max_iter=5000),
            ),
            valid,
            attack,
        )
        for name, module in modules.items()
    ]


def _scaled(module):
    """The module on grey levels of 0 to 255."""
    from torch import nn

    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.module = module

        def forward(self, x):
            return self.module(x / 255)

    return Scaled()


def _pair(X, y):
    kept = np.isin(y, (4, 9))
    return X[kept].reshape(kept.sum(), -1).astype(float), (y[kept] == 9).astype(int)


def _caption(drawn):
    _, result = drawn
    before, after = (
        9 if label else 4 for label in (result.predictions[0], result.new_predictions[0])
    )
    return (
        f"Koh & Liang's Figure 5 behind 4 random layers: a test image, classified as {before}; a "
        "training image; the same training image changed by at most one grey level of 255 a pixel; "
        f"the change. Fitted to the changed image, the model classifies the test image as {after}."
    )


def _draw(canvas, drawn):
    test, result = drawn
    axes = canvas.subplots(1, 4)
    before, after = result.X_original.reshape(28, 28), result.X_changed.reshape(28, 28)
    grey = {"cmap": "gray_r", "vmin": 0, "vmax": 255}
    pictures = [
        (test.reshape(28, 28), "test image", grey),
        (before, "training image", grey),
        (after, "changed", grey),
        (after - before, "change, grey levels", {"cmap": "RdBu_r", "vmin": -1, "vmax": 1}),
    ]
    for ax, (picture, title, style) in zip(axes, pictures, strict=True):
        shown = ax.imshow(picture, **style)
        ax.set(title=title, xticks=[], yticks=[])
    canvas.colorbar(shown, ax=axes[3], shrink=0.8, ticks=[-1, 0, 1])
