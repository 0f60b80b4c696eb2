"""A server of KServe's protocols: ``inference_server.py VARIANT``; it says its port.

Beside the models of :class:`Forms` there are ``tokens``, which takes token ids as a graph behind
Triton does, ``broken``, which fails, ``busy``, which refuses every request once, ``slow``, and
``foreign``, which is no model of texts.
"""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import onnxruntime
from forms import Forms

TOKENS = ("input_ids", "attention_mask")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    forms: Forms
    session: onnxruntime.InferenceSession
    refused: ClassVar[set[bytes]] = set()

    def do_GET(self) -> None:
        parts = self.path.strip("/").split("/")
        if len(parts) != 3 or parts[1] != "models" or parts[2] == "missing":
            self.reply(404, {"error": f"no model at {self.path}"})
        elif parts[0] == "v1":
            self.reply(200, {"name": parts[2], "ready": True})
        else:
            inputs: list[dict[str, Any]] = []
            if parts[2] == "tokens":
                inputs = [{"name": name, "datatype": "INT64", "shape": [-1, -1]} for name in TOKENS]
            elif parts[2] == "foreign":
                inputs = [{"name": "pixels", "datatype": "FP32", "shape": [-1, 3]}]
            self.reply(200, {"name": parts[2], "platform": "test", "inputs": inputs, "outputs": []})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        asked = json.loads(body)
        model = self.path.split("/")[3].removesuffix(":predict")
        if model == "broken":
            self.reply(500, {"error": "the graph\nis not there"})
        elif model == "busy" and body not in self.refused:
            self.refused.add(body)
            self.reply(503, {"error": "not now"})
        elif self.path.startswith("/v1"):
            self.reply(200, {"predictions": self.forms.answer(model, asked["instances"])})
        elif model == "tokens":
            feeds = {
                each["name"]: np.array(each["data"], dtype=np.int64).reshape(each["shape"])
                for each in asked["inputs"]
            }
            logits = self.session.run(["logits"], feeds)[0]
            self.outputs("logits", list(logits.shape), "FP32", logits.ravel().tolist())
        else:
            if model == "slow":
                time.sleep(0.3)
            (text,) = asked["inputs"]
            assert (text["datatype"], text["shape"]) == ("BYTES", [len(text["data"])])
            rows = self.forms.answer(model, text["data"])
            if isinstance(rows[0], list):
                flat = [score for row in rows for score in row]
                self.outputs("output-0", [len(rows), len(rows[0])], "FP32", flat)
            else:
                self.outputs(
                    "output-0",
                    [len(rows)],
                    "BYTES",
                    [str(row) if isinstance(row, dict) else row for row in rows],
                )

    def outputs(self, name: str, shape: list[int], datatype: str, data: list[Any]) -> None:
        output = {"name": name, "shape": shape, "datatype": datatype, "data": data}
        self.reply(200, {"model_name": "m", "id": "1", "outputs": [output]})

    def reply(self, code: int, said: Any) -> None:
        body = json.dumps(said).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    Handler.forms = Forms(folder)
    Handler.session = onnxruntime.InferenceSession(str(folder / "onnx" / "model.onnx"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()
