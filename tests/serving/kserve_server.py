"""KServe's own model server on a variant: ``kserve_server.py VARIANT PORT``.

It runs under a Python that has ``kserve``, which wants other versions than this project.
"""

import sys
from pathlib import Path
from typing import Any

from forms import Forms
from kserve import Model, ModelServer
from kserve.utils.utils import get_predict_input, get_predict_response


class Classifier(Model):  # type: ignore[misc]
    """Answers in the form that it is named after."""

    def __init__(self, name: str, forms: Forms) -> None:
        super().__init__(name)
        self.forms = forms
        self.ready = True

    def predict(self, payload: Any, *_: Any, **__: Any) -> Any:
        texts = [str(text) for text in get_predict_input(payload)]
        return get_predict_response(payload, self.forms.answer(self.name, texts), self.name)


if __name__ == "__main__":
    forms = Forms(Path(sys.argv[1]))
    ModelServer(http_port=int(sys.argv[2]), enable_grpc=False).start(
        [Classifier(name, forms) for name in Forms.NAMES]
    )
