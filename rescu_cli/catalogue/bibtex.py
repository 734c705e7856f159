"""BibTeX entries of the sources, by their keys."""

from __future__ import annotations

from dataclasses import dataclass

from rescu_cli.core.activation import Source


@dataclass(frozen=True)
class Entry:
    """What BibTeX wants to know of a source.

    Args:
        authors: In BibTeX's form, joined by ``and``; '' if not recorded.
        title: Capitals that must stay are in braces.
        year: Of publication.
        venue: Conference, journal or '' for a preprint.
    """

    authors: str
    title: str
    year: int
    venue: str = ""


_TABLE = {
    "shamir2020": Entry("Gil I. Shamir and Dong Lin and Lorenzo Coviello",
                        "Smooth activations and reproducibility in deep networks", 2020),
    "shamir2022": Entry("Gil I. Shamir and Dong Lin",
                        "Real world large scale recommendation systems reproducibility and smooth "
                        "activations", 2022),
    "nair2010": Entry("Vinod Nair and Geoffrey E. Hinton",
                      "Rectified linear units improve restricted {B}oltzmann machines", 2010,
                      "International Conference on Machine Learning"),
    "maas2013": Entry("Andrew L. Maas and Awni Y. Hannun and Andrew Y. Ng",
                      "Rectifier nonlinearities improve neural network acoustic models", 2013,
                      "ICML Workshop on Deep Learning for Audio, Speech and Language Processing"),
    "dugas2001": Entry("Charles Dugas and Yoshua Bengio and Fran{\\c{c}}ois B{\\'e}lisle and "
                       "Claude Nadeau and Ren{\\'e} Garcia",
                       "Incorporating second-order functional knowledge for better option pricing",
                       2000, "Advances in Neural Information Processing Systems 13"),
    "barron2021": Entry("Jonathan T. Barron", "Squareplus: a softplus-like algebraic rectifier",
                        2021),
    "swish": Entry("Prajit Ramachandran and Barret Zoph and Quoc V. Le",
                   "Searching for activation functions", 2017),
    "hendrycks2016": Entry("Dan Hendrycks and Kevin Gimpel", "{G}aussian error linear units "
                           "({GELU}s)", 2016),
    "mish": Entry("Diganta Misra",
                  "Mish: a self regularized non-monotonic activation function", 2019),
    "tanhexp": Entry("Xinyu Liu and Xiaoguang Di",
                     "{TanhExp}: a smooth activation function with high convergence speed for "
                     "lightweight neural networks", 2020),
    "clevert2016": Entry("Djork-Arn{\\'e} Clevert and Thomas Unterthiner and Sepp Hochreiter",
                         "Fast and accurate deep network learning by exponential linear units "
                         "({ELU}s)", 2016, "International Conference on Learning Representations"),
    "barron2017": Entry("Jonathan T. Barron",
                        "Continuously differentiable exponential linear units", 2017),
    "klambauer2017": Entry("G{\\\"u}nter Klambauer and Thomas Unterthiner and Andreas Mayr and "
                           "Sepp Hochreiter", "Self-normalizing neural networks", 2017,
                           "Advances in Neural Information Processing Systems 30"),
    "sau": Entry("Koushik Biswas and Sandeep Kumar and Shilpak Banerjee and Ashish Kumar Pandey",
                 "{SAU}: smooth activation function using convolution with approximate identities",
                 2021),
    "smu": Entry("Koushik Biswas and Sandeep Kumar and Shilpak Banerjee and Ashish Kumar Pandey",
                 "{SMU}: smooth activation function for deep networks using smoothing maximum "
                 "technique", 2021),
    "howard2019": Entry("Andrew Howard and others", "Searching for {MobileNetV3}", 2019,
                        "International Conference on Computer Vision"),
    "kimhi2024": Entry("Moshe Kimhi and Idan Kashani and Chaim Baskin and Avi Mendelson",
                       "Hysteresis activation function for efficient inference", 2024,
                       "NeurIPS Efficient Natural Language and Speech Processing Workshop"),
    "srelu-epan": Entry("", "{S-ReLU}: {ReLU} mollified with the {Epanechnikov} "
                        "kernel", 2026, "Mathematics 14(1):72"),
}  # fmt: skip


def bibtex(source: Source) -> str:
    """The BibTeX entry of a source; a comment where there is nothing to cite.

    Example:
        >>> from rescu_cli import catalogue
        >>> print(bibtex(catalogue.get("celu").source).splitlines()[0])
        @misc{barron2017,
    """
    entry = _TABLE.get(source.key)
    if entry is None:
        return f"% {source.text}: nothing to cite."
    rows = {"author": entry.authors} if entry.authors else {}
    rows |= {"title": entry.title, "year": str(entry.year)}
    if entry.venue:
        rows["booktitle"] = entry.venue
    if source.url.startswith("arXiv:"):
        rows |= {"eprint": source.url.removeprefix("arXiv:"), "archiveprefix": "arXiv"}
    kind = "inproceedings" if entry.venue else "misc"
    body = "\n".join(f"  {key:13} = {{{value}}}," for key, value in rows.items())
    return f"@{kind}{{{source.key},\n{body}\n}}"
