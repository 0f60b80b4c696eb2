"""Where the encoder families keep what leanstage changes: as data, one row a family."""

from dataclasses import dataclass
from typing import Any

from leanstage.errors import InputError


@dataclass(frozen=True)
class Encoder:
    """Module paths and config keys of one encoder family.

    ``layers`` is the path of the layer list below the base model; ``widen`` and ``narrow`` are
    the two feed-forward projections inside a layer (hidden to intermediate, and back).
    """

    layers: str
    widen: str
    narrow: str
    depth_key: str
    width_key: str
    hidden_key: str = "hidden_size"
    heads_key: str = "num_attention_heads"
    positions_offset: int = 0
    """Position ids that the family reserves, to be left out of the usable length."""


_BERT_LIKE = Encoder(
    layers="encoder.layer",
    widen="intermediate.dense",
    narrow="output.dense",
    depth_key="num_hidden_layers",
    width_key="intermediate_size",
)

ENCODERS: dict[str, Encoder] = {
    "bert": _BERT_LIKE,
    "roberta": Encoder(**{**_BERT_LIKE.__dict__, "positions_offset": 2}),
    "mpnet": Encoder(**{**_BERT_LIKE.__dict__, "positions_offset": 2}),
    "distilbert": Encoder(
        layers="transformer.layer",
        widen="ffn.lin1",
        narrow="ffn.lin2",
        depth_key="n_layers",
        width_key="hidden_dim",
        hidden_key="dim",
        heads_key="n_heads",
    ),
}


def encoder_of(model_type: str, *, where: str) -> Encoder:
    """The row of a family.

    Raises:
        InputError: a family that leanstage does not know.
    """
    try:
        return ENCODERS[model_type]
    except KeyError:
        known = ", ".join(sorted(ENCODERS))
        raise InputError(
            f"{where} is of the architecture {model_type!r}, which leanstage cannot optimize; "
            f"bring a sequence-classification checkpoint of one of: {known}."
        ) from None


def layers_of(model: Any) -> Any:
    """The ``ModuleList`` of encoder layers of a transformers model."""
    encoder = encoder_of(model.config.model_type, where="the model")
    return model.base_model.get_submodule(encoder.layers)
