"""The layer class of the Keras backend, with parameters that can be learned."""

from __future__ import annotations

from rescu_cli.core.activation import Activation
from rescu_cli.export.document import prose
from rescu_cli.export.layout import default, docstring, domain_row, head
from rescu_cli.export.naming import class_name


def layer_text(activation: Activation, name: str) -> str:
    """The class; learnable parameters are kept in their domain by a change of variable.

    Args:
        activation: What it computes.
        name: The function it calls.
    """
    title, parameters = class_name(name), activation.free_parameters
    if not parameters:
        return f'''
@keras.saving.register_keras_serializable(package="rescu")
class {title}(keras.layers.Layer):
    """Layer form of `{name}`; it has no parameters."""

    def __init__(self, **options):
        super().__init__(**options)
        self.supports_masking = True

    def call(self, x):
        return {name}(x)

    def compute_output_shape(self, input_shape):
        return input_shape
'''
    note = [
        f"Layer form of `{name}`.",
        "",
        "Args:",
        *(f"    {p.name}: {prose(p.meaning) or 'parameter'}; {p.domain.describe(p.name)}."
          for p in parameters),
        "    learnable: Train the parameters too. A bounded one is trained through a free",
        "        number, raw, and so stays inside its domain whatever the optimizer does:",
        "        softplus(raw) for one end, sigmoid(raw) between two.",
        "    **options: Of every layer, e.g. name and dtype.",
    ]  # fmt: skip
    rows = "\n".join(domain_row(p, activation, "math.inf") for p in parameters)
    arguments = ["self", *(f"{p.name}{default(p).replace(' ', '')}" for p in parameters),
                 "learnable=False", "**options"]  # fmt: skip
    starts = "\n".join(f'            "{p.name}": {p.name},' for p in parameters)
    return f'''
_DOMAINS = {{
{rows}
}}


def _to_raw(name, value):
    """The free number that `_from_raw` sends to ``value``."""
    low, high, domain, _ = _DOMAINS[name]
    if not low < value < high:
        raise ValueError(
            f"A learnable {{name}} starts strictly inside {{domain}}; found {{name}}={{value}}."
        )
    if low > -math.inf and high < math.inf:
        return math.log((value - low) / (high - value))
    if low > -math.inf or high < math.inf:
        above = value - low if low > -math.inf else high - value
        return above + math.log(-math.expm1(-above))
    return value


def _from_raw(name, raw):
    """A number in the domain of the parameter."""
    low, high, *_ = _DOMAINS[name]
    if low > -math.inf and high < math.inf:
        return low + (high - low) * ops.sigmoid(raw)
    if low > -math.inf:
        return low + ops.softplus(raw)
    if high < math.inf:
        return high - ops.softplus(raw)
    return raw


@keras.saving.register_keras_serializable(package="rescu")
class {title}(keras.layers.Layer):
{docstring(note, 4)}

{head("__init__", arguments, "", 4).replace(" -> :", ":")}
        super().__init__(**options)
        self.supports_masking = True
        self.learnable = bool(learnable)
        self._starts = {{
{starts}
        }}
        for name, value in self._starts.items():
            *_, domain, admissible = _DOMAINS[name]
            if not admissible(value):
                found = f"found {{name}}={{value}}."
                raise ValueError(f"{title} needs {{domain}}; {{found}}")
        if self.learnable:
            # In the format of the weights also where the layer computes in 16 bits.
            self._raw = {{
                name: self.add_weight(
                    name=f"raw_{{name}}",
                    shape=(),
                    initializer=keras.initializers.Constant(_to_raw(name, value)),
                    autocast=False,
                )
                for name, value in self._starts.items()
            }}

    def parameter(self, name):
        """A parameter as it is now: a number, or a tensor if it is learned."""
        if self.learnable:
            return _from_raw(name, ops.convert_to_tensor(self._raw[name]))
        return self._starts[name]

    def call(self, x):
        return {name}(x, *(self.parameter(name) for name in _DOMAINS))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {{**super().get_config(), **self._starts, "learnable": self.learnable}}
'''
