"""Runs both networks of a service with Triton's own client: `inference_client.py HOST:PORT`.

Prints a JSON object: the metadata, and the embedding of an image whose values are `i % 7 - 3`.
"""

import json
import sys

import numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException


def tensors(model, rows):
    """Values for each input of a model."""
    for tensor in model["inputs"]:
        shape = [rows, *tensor["shape"][1:]]
        values = np.arange(np.prod(shape)) % 7 - 3
        yield tensor["name"], values.reshape(shape).astype(np.float32)


def infer(client, model, arrays, binary):
    inputs = []
    for name, array in arrays:
        tensor = triton.InferInput(name, array.shape, "FP32")
        tensor.set_data_from_numpy(array, binary_data=binary)
        inputs.append(tensor)
    names = [tensor["name"] for tensor in model["outputs"]]
    outputs = [triton.InferRequestedOutput(name, binary_data=binary) for name in names]
    result = client.infer(model["name"], inputs, outputs=outputs, request_id="7")
    assert result.get_response()["id"] == "7"
    # Without a list of outputs the client asks for all of them as binary data.
    every = client.infer(model["name"], inputs, model_version="1")
    for name in names:
        np.testing.assert_array_equal(result.as_numpy(name), every.as_numpy(name))
    return {name: result.as_numpy(name) for name in names}


def check(client, name, rows=2):
    assert client.is_model_ready(name) and client.is_model_ready(name, "1")
    model = client.get_model_metadata(name)
    arrays = list(tensors(model, rows))
    numbers = infer(client, model, arrays, binary=False)
    binary = infer(client, model, arrays, binary=True)
    for tensor in model["outputs"]:
        output = binary[tensor["name"]]
        assert list(output.shape) == [rows, *tensor["shape"][1:]], output.shape
        np.testing.assert_array_equal(output, numbers[tensor["name"]])
    return model, binary


def main():
    client = triton.InferenceServerClient(sys.argv[1])
    assert client.is_server_live() and client.is_server_ready()
    server = client.get_server_metadata()
    model, outputs = check(client, "backbone")
    check(client, "completer")
    assert not client.is_model_ready("other")
    try:
        client.get_model_metadata("other")
        raise AssertionError("an unknown model has metadata")
    except InferenceServerException as error:
        assert "There is no model" in error.message(), error
    embedding = outputs["embedding"][0].tolist()
    print(json.dumps({"server": server, "model": model, "embedding": embedding}))


if __name__ == "__main__":
    main()
