"""Citations, one row each; activations name the row and the equation."""

from __future__ import annotations

from dataclasses import replace

from rescu_cli.core.activation import Source

_TABLE = {
    s.key: s
    for s in (
        Source("shamir2020", "Shamir, Lin, Coviello, Smooth activations and reproducibility in "
               "deep networks (2020)", "", "arXiv:2010.09931"),
        Source("shamir2022", "Shamir, Lin, Real world large scale recommendation systems "
               "reproducibility and smooth activations (2022)", "", "arXiv:2202.06499"),
        Source("nair2010", "Nair, Hinton, Rectified linear units improve restricted Boltzmann "
               "machines (ICML 2010)"),
        Source("maas2013", "Maas, Hannun, Ng, Rectifier nonlinearities improve neural network "
               "acoustic models (ICML 2013 workshop)"),
        Source("dugas2001", "Dugas, Bengio, Bélisle, Nadeau, Garcia, Incorporating second-order "
               "functional knowledge for better option pricing (NIPS 2000)"),
        Source("barron2021", "Barron, Squareplus: a softplus-like algebraic rectifier (2021)", "",
               "arXiv:2112.11687"),
        Source("swish", "Ramachandran, Zoph, Le, Searching for activation functions (2017)", "",
               "arXiv:1710.05941"),
        Source("hendrycks2016", "Hendrycks, Gimpel, Gaussian error linear units (2016)", "",
               "arXiv:1606.08415"),
        Source("mish", "Misra, Mish: a self regularized non-monotonic activation function (2019)",
               "", "arXiv:1908.08681"),
        Source("tanhexp", "Liu, Di, TanhExp: a smooth activation function with high convergence "
               "speed for lightweight neural networks (2020)", "", "arXiv:2003.09855"),
        Source("clevert2016", "Clevert, Unterthiner, Hochreiter, Fast and accurate deep network "
               "learning by exponential linear units (ICLR 2016)", "", "arXiv:1511.07289"),
        Source("barron2017", "Barron, Continuously differentiable exponential linear units (2017)",
               "", "arXiv:1704.07483"),
        Source("klambauer2017", "Klambauer, Unterthiner, Mayr, Hochreiter, Self-normalizing neural "
               "networks (NIPS 2017)", "", "arXiv:1706.02515"),
        Source("sau", "Biswas et al., SAU: smooth activation function using convolution with "
               "approximate identities (2021)", "", "arXiv:2109.13210"),
        Source("smu", "Biswas et al., SMU: smooth activation function for deep networks using "
               "smoothing maximum technique (2021)", "", "arXiv:2111.04682"),
        Source("howard2019", "Howard et al., Searching for MobileNetV3 (ICCV 2019)", "",
               "arXiv:1905.02244"),
        Source("srelu-epan", "S-ReLU, ReLU mollified with the Epanechnikov kernel, MDPI "
               "Mathematics 14(1):72 (2026)"),
        Source("kimhi2024", "Kimhi, Kashani, Baskin, Mendelson, Hysteresis activation function for "
               "efficient inference (NeurIPS 2024 workshop)", "", "arXiv:2411.10573"),
        Source("classic", "Textbook function"),
    )
}  # fmt: skip


def source(key: str, equation: str = "") -> Source:
    """The citation ``key`` with an equation or section."""
    return replace(_TABLE[key], equation=equation)
