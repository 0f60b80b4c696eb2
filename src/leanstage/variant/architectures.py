"""Where the model families keep what leanstage changes: as data, one row a family."""

from dataclasses import dataclass, replace
from typing import Any

from leanstage.contracts import Task
from leanstage.errors import InputError


@dataclass(frozen=True)
class Family:
    """Module paths and config keys of one model family.

    ``layers`` and ``embeddings`` are paths below the base model, the other paths begin in a layer.
    ``widen`` are the feed-forward projections from the hidden size to the intermediate one (a gate
    goes beside its projection), ``narrow`` is the way back; ``project`` are the queries, keys and
    values, ``merge`` is the projection of what the heads found.
    """

    layers: str
    widen: tuple[str, ...]
    narrow: str
    project: tuple[str, str, str]
    merge: str
    norms: tuple[str, str] = ("attention.output.LayerNorm", "output.LayerNorm")
    """Behind the attention and behind the feed-forward part."""
    activation: str = "intermediate.intermediate_act_fn"
    layer_gives_tuple: bool = False
    """Whether a layer gives a tuple with its hidden states, not these alone."""
    task: Task = "text-classification"
    embeddings: str = "embeddings"
    depth_key: str = "num_hidden_layers"
    width_key: str = "intermediate_size"
    hidden_key: str = "hidden_size"
    heads_key: str = "num_attention_heads"
    kv_heads_key: str | None = None
    """Of the heads that keys and values have, where queries share them."""
    head_dim_key: str | None = None
    """Of the width of a head; without one it is the hidden size divided by the heads."""
    head_bias: str | None = None
    """Path below the base model of an embedding with one column a head."""
    pooler: str | None = None
    """Path below the model of the layer between hidden state and classifier, hidden size square."""
    positions_offset: int = 0
    """Position ids that the family reserves, to be left out of the usable length."""


_BERT = Family(
    layers="encoder.layer",
    widen=("intermediate.dense",),
    narrow="output.dense",
    project=("attention.self.query", "attention.self.key", "attention.self.value"),
    merge="attention.output.dense",
)

FAMILIES: dict[str, Family] = {
    "bert": replace(_BERT, pooler="bert.pooler.dense"),
    "roberta": replace(_BERT, pooler="classifier.dense", positions_offset=2),
    "mpnet": replace(
        _BERT,
        project=("attention.attn.q", "attention.attn.k", "attention.attn.v"),
        merge="attention.attn.o",
        norms=("attention.LayerNorm", "output.LayerNorm"),
        layer_gives_tuple=True,
        head_bias="encoder.relative_attention_bias",
        pooler="classifier.dense",
        positions_offset=2,
    ),
    "distilbert": Family(
        layers="transformer.layer",
        widen=("ffn.lin1",),
        narrow="ffn.lin2",
        project=("attention.q_lin", "attention.k_lin", "attention.v_lin"),
        merge="attention.out_lin",
        norms=("sa_layer_norm", "output_layer_norm"),
        activation="ffn.activation",
        pooler="pre_classifier",
        depth_key="n_layers",
        width_key="hidden_dim",
        hidden_key="dim",
        heads_key="n_heads",
    ),
    "llama": Family(
        layers="layers",
        widen=("mlp.gate_proj", "mlp.up_proj"),
        narrow="mlp.down_proj",
        project=("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
        merge="self_attn.o_proj",
        norms=("post_attention_layernorm", "input_layernorm"),
        activation="mlp.act_fn",
        task="text-generation",
        embeddings="embed_tokens",
        kv_heads_key="num_key_value_heads",
        head_dim_key="head_dim",
    ),
}


def family_of(model_type: str, *, where: str) -> Family:
    """The row of a family.

    Raises:
        InputError: a family that leanstage does not know.
    """
    try:
        return FAMILIES[model_type]
    except KeyError:
        known = ", ".join(sorted(FAMILIES))
        raise InputError(
            f"{where} is of the architecture {model_type!r}, which leanstage cannot optimize; "
            f"bring a checkpoint of one of: {known}."
        ) from None


def layers_of(model: Any) -> Any:
    """The ``ModuleList`` of layers of a transformers model."""
    family = family_of(model.config.model_type, where="the model")
    return model.base_model.get_submodule(family.layers)
