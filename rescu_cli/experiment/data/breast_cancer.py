"""Breast cancer Wisconsin (diagnostic): 30 measurements, two classes, 569 examples."""

from __future__ import annotations

from rescu_cli.experiment.data.dataset import Dataset
from rescu_cli.experiment.data.shipped import load_shipped
from rescu_cli.experiment.data.split import standardise, stratified_split


def load() -> Dataset:
    """The diagnostic data set: 30 features; class 0 is malignant, class 1 benign."""
    x, y = load_shipped("breast_cancer", "breast_cancer.csv", skip_rows=1)
    train, test = stratified_split(y)
    x_train, x_test = standardise(x[train], x[test], per_feature=True)
    return Dataset(
        name="breast_cancer",
        x_train=x_train,
        y_train=y[train],
        x_test=x_test,
        y_test=y[test],
        example_ids=test,
        n_classes=2,
        source=(
            "W. Wolberg, O. Mangasarian, N. Street, W. Street, Breast Cancer Wisconsin "
            "(Diagnostic), UCI Machine Learning Repository, 1993 (as shipped with scikit-learn)"
        ),
        preparation=(
            "stratified 80/20 split with a fixed seed; each feature standardised with its mean and "
            "deviation in the training part"
        ),
    )
