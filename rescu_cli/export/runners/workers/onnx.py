"""Runs ONNX artifacts in ONNX Runtime; for float64, the types of the graph are changed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

from rescu_cli.export.backends.onnx import encode
from rescu_cli.export.runners.base import parameter_of
from rescu_cli.export.runners.workers.base import Array, Program

_TYPES = {"float32": onnx.TensorProto.FLOAT, "float64": onnx.TensorProto.DOUBLE}


class OnnxProgram:
    """Both outputs of the model, with the optimizations of the runtime and without."""

    def __init__(self, text: str, parameters: Mapping[str, float]) -> None:
        self._encoded = encode(text)
        self._parameters = parameters
        self.tool = f"onnxruntime {onnxruntime.__version__}"
        self._session = cache(self._session_of)

    def __call__(self, points: Array, kind: str, what: str) -> dict[str, Any]:
        with np.errstate(over="ignore"):
            feeds = {"x": points.astype(kind)}
        feeds |= {n: np.asarray(v, dtype=kind) for n, v in self._parameters.items()}
        return {
            way: self._session(kind, optimized, what).run([what], feeds)[0].astype(np.float64)
            for way, optimized in (("optimized", True), ("as it is", False))
        }

    def _session_of(self, kind: str, optimized: bool, what: str) -> Any:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = 1
        levels = onnxruntime.GraphOptimizationLevel
        options.graph_optimization_level = (
            levels.ORT_ENABLE_ALL if optimized else levels.ORT_DISABLE_ALL
        )
        return onnxruntime.InferenceSession(
            asked(retyped(self._encoded, kind), what), options, providers=["CPUExecutionProvider"]
        )


def retyped(encoded: bytes, kind: str) -> bytes:
    """The model with inputs, outputs and defaults of another format."""
    model = onnx.load_model_from_string(encoded)
    for end in (*model.graph.input, *model.graph.output):
        end.type.tensor_type.elem_type = _TYPES[kind]
    for default in model.graph.initializer:
        held = numpy_helper.to_array(default).astype(kind)
        default.CopyFrom(numpy_helper.from_array(held, default.name))
    data: bytes = model.SerializeToString()
    return data


def asked(encoded: bytes, what: str) -> bytes:
    """The model with a gradient of a parameter among its outputs.

    Its graph gives value and gradient; its functions give all of them.
    """
    if parameter_of(what) is None:
        return encoded
    model = onnx.load_model_from_string(encoded)
    (value,) = (node for node in model.graph.node if node.output[0] == "value")
    slope = onnx.helper.make_node(
        f"{value.op_type}_{what}", list(value.input), [what], domain=value.domain
    )
    model.graph.node.append(slope)
    model.graph.output.append(model.graph.output[0])
    model.graph.output[-1].name = what
    data: bytes = model.SerializeToString()
    return data


def load(text: str, name: str, parameters: Mapping[str, float]) -> Program:
    """The artifact."""
    return OnnxProgram(text, parameters)
