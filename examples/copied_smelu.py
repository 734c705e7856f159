"""A SmeLU as it circulates, with a slip on purpose.

Find it with:

    rescu verify examples/copied_smelu.py:smelu --against smelu:beta=1
"""

import numpy as np


def smelu(x: np.ndarray, beta: float = 1.0) -> np.ndarray:
    """0 below -beta, x above beta, and a quadratic between them. One operator is wrong."""
    quadratic = x * x / (4 * beta) + 0.5 * x * beta / 4
    return np.where(x <= -beta, 0.0, np.where(x >= beta, x, quadratic)).astype(x.dtype)


if __name__ == "__main__":
    x = np.array([-1.0, -0.999, 0.0, 1.0])
    print("at -1, -0.999, 0, 1 it gives", smelu(x), "and should give [0, 2.5e-07, 0.25, 1]")
