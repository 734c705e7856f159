"""What an experiment on networks needs of a data set."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Examples(Protocol):
    """A classification problem, split and scaled; `rescu_cli.experiment.data.Dataset` is one."""

    @property
    def name(self) -> str: ...
    @property
    def x_train(self) -> NDArray[np.float32]: ...
    @property
    def y_train(self) -> NDArray[Any]: ...
    @property
    def x_test(self) -> NDArray[np.float32]: ...
    @property
    def y_test(self) -> NDArray[Any]: ...
    @property
    def n_classes(self) -> int: ...
    @property
    def n_features(self) -> int: ...
    @property
    def task(self) -> str: ...
    @property
    def cardinalities(self) -> tuple[int, ...]: ...
    @property
    def shape(self) -> tuple[int, ...]:
        """Of one example: (channels, length), (channels, height, width), or empty for a table."""
