"""Says whether Python's onnx accepts files, and how far its onnxruntime is from expected outputs.

The argument is a JSON file: a list of {"name", "onnx", "inputs": [{"name", "shape", "file"}],
"outputs": [{"shape", "file"}]}; tensors are files of little-endian 32-bit floats. Prints one JSON
object for each: {"name", "difference", "largest", "opset", "ir", "metadata", "input", "output"}.
"""

import json
import sys

import numpy as np
import onnx
import onnxruntime


def tensor(entry):
    return np.fromfile(entry["file"], dtype="<f4").reshape(entry["shape"])


def dims(value):
    return [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]


for item in json.load(open(sys.argv[1])):
    model = onnx.load(item["onnx"])
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(item["onnx"], providers=["CPUExecutionProvider"])
    outputs = session.run(None, {entry["name"]: tensor(entry) for entry in item["inputs"]})
    expected = [tensor(entry) for entry in item["outputs"]]
    assert [o.shape for o in outputs] == [e.shape for e in expected], item["name"]
    print(json.dumps({
        "name": item["name"],
        "difference": max(float(np.abs(o - e).max()) for o, e in zip(outputs, expected)),
        "largest": max(float(np.abs(e).max()) for e in expected),
        "opset": [entry.version for entry in model.opset_import],
        "ir": model.ir_version,
        "metadata": {entry.key: entry.value for entry in model.metadata_props},
        "input": dims(model.graph.input[0]),
        "output": dims(model.graph.output[0]),
    }))
