"""Is a text a model card that the hub would take? As far as can be told without asking it.

The hub's own check (``ModelCard.validate``) is a request to it. What is checked here: that the
client of the hub reads the text as a card, evaluation results included, that names of models are
ones that it accepts, and the rules of
https://github.com/huggingface/hub-docs/blob/main/modelcard.md for the keys that we write.
"""

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from leanstage.contracts import CardFacts, Task, first_problem
from leanstage.errors import LeanstageError

if TYPE_CHECKING:
    from huggingface_hub import ModelCard

Name = Annotated[str, Field(min_length=1, pattern=r"^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*$")]
"""Something to read, on one line."""
Identifier = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$")]


class CardError(LeanstageError):
    """A text is no valid model card."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class _TaskOf(_Strict):
    type: Task


class _DatasetOf(_Strict):
    type: Identifier
    name: Name
    split: Identifier


class _Metric(_Strict):
    type: Identifier
    name: Name
    value: float
    args: dict[str, Any]


class _Result(_Strict):
    task: _TaskOf
    dataset: _DatasetOf
    metrics: list[_Metric] = Field(min_length=1)


class _Index(_Strict):
    name: Name
    results: list[_Result] = Field(min_length=1)


class _Metadata(_Strict):
    base_model: str | None = None
    base_model_relation: Literal["finetune", "quantized"] | None = None
    pipeline_tag: Task
    library_name: Literal["transformers"] | None = None
    tags: list[Identifier] = Field(min_length=1)
    metrics: list[Identifier] | None = None
    model_name: Name | None = None
    index: list[_Index] | None = Field(default=None, alias="model-index", min_length=1)
    leanstage: CardFacts

    @model_validator(mode="after")
    def _relation_needs_a_base(self) -> Self:
        if self.base_model_relation is not None and self.base_model is None:
            raise ValueError("base_model_relation without a base_model")
        return self


def check_card(text: str, *, hub: bool = False) -> "ModelCard":
    """A model card of ours.

    Args:
        hub: also have the Hugging Face hub check it, which sends it there.

    Raises:
        CardError: it is none, or the hub refuses it.
    """
    from huggingface_hub import ModelCard
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.repocard import REGEX_YAML_BLOCK
    from huggingface_hub.utils import validate_repo_id
    from yaml import YAMLError

    if not REGEX_YAML_BLOCK.search(text):
        raise CardError("the model card has no metadata at its head; decide again.")
    try:
        card = ModelCard(text)
        metadata = _Metadata.model_validate(card.data.to_dict())
        validate_repo_id(metadata.base_model)
    except ValidationError as error:
        raise CardError(
            f"the metadata of the model card is not what the hub takes: {first_problem(error)}."
        ) from error
    except (ValueError, YAMLError, HFValidationError) as error:
        first = str(error).strip().partition("\n")[0]
        raise CardError(f"the model card cannot be read by huggingface_hub: {first}") from error
    if hub:
        _ask_hub(card)
    return card


def _ask_hub(card: "ModelCard") -> None:
    try:
        card.validate()
    except ValueError as error:
        said = " ".join(str(error).split())
        raise CardError(f"the Hugging Face hub refuses the model card: {said}") from error
    except Exception as error:  # the client lets the errors of its HTTP library through
        first = str(error).strip().partition("\n")[0]
        raise CardError(f"the Hugging Face hub did not check the model card: {first}") from error
