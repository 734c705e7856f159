"""Handwritten digits, 8×8 grey images in ten classes, 1797 examples."""

from __future__ import annotations

from rescu_cli.experiment.data.dataset import Dataset
from rescu_cli.experiment.data.shipped import load_shipped
from rescu_cli.experiment.data.split import standardise, stratified_split


def load() -> Dataset:
    """The digits data set: 64 features, 10 classes."""
    x, y = load_shipped("digits", "digits.csv.gz", skip_rows=0)
    train, test = stratified_split(y)
    x_train, x_test = standardise(x[train], x[test], per_feature=False)
    return Dataset(
        name="digits",
        x_train=x_train,
        y_train=y[train],
        x_test=x_test,
        y_test=y[test],
        example_ids=test,
        n_classes=10,
        shape=(1, 8, 8),
        source=(
            "E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine "
            "Learning Repository, 1998 (its test part, as shipped with scikit-learn)"
        ),
        preparation=(
            "stratified 80/20 split with a fixed seed; one mean and one deviation for all pixels, "
            "from the training part"
        ),
    )
