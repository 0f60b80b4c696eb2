"""A causal model as it enters, writes, and says how likely a text is; held against transformers."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from leanstage.errors import InputError
from leanstage.variant import Variant, load_predictor
from leanstage.variant.adopt import adopt
from leanstage.variant.forms import write_bf16
from leanstage.variant.generation import TorchGenerator, load_generator
from leanstage.variant.tokens_causal import CausalEncoder
from tests.generation_model import sentences

PROMPTS = [text.rsplit(maxsplit=1)[0] for text in sentences(12, seed=9)]
ENDS = [" " + text.rsplit(maxsplit=1)[1] for text in sentences(12, seed=9)]


@pytest.fixture(scope="module")
def variant(tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Variant:
    return adopt(tiny_llama, tmp_path_factory.mktemp("llama") / "variant")


@pytest.fixture(scope="module")
def generator(variant: Variant) -> TorchGenerator:
    found = load_generator(variant.path)
    assert isinstance(found, TorchGenerator)
    return found


def test_a_causal_checkpoint_is_adopted_for_what_it_does(variant: Variant) -> None:
    manifest = variant.manifest
    assert (manifest.task, manifest.architecture, manifest.labels) == (
        "text-generation",
        "llama",
        (),
    )
    assert (manifest.precision, manifest.max_length) == ("fp32", 64)
    assert (variant.path / "generation_config.json").is_file()


def test_what_the_checkpoint_says_of_repetition_holds(
    variant: Variant, generator: TorchGenerator, tmp_path: Path
) -> None:
    """As it does in a server, which reads the same file."""
    copy = Path(shutil.copytree(variant.path, tmp_path / "copy"))
    said = json.loads((copy / "generation_config.json").read_text())
    (copy / "generation_config.json").write_text(json.dumps({**said, "repetition_penalty": 50.0}))
    penalised = load_generator(copy)
    again = [f"{text}{end} {text}" for text, end in zip(PROMPTS, ENDS, strict=True)]
    plain, other = (
        [model.generate([prompt], [7])[0] for prompt in again] for model in (generator, penalised)
    )
    assert plain != other


def test_what_it_writes_is_what_transformers_writes_one_by_one(
    variant: Variant, generator: TorchGenerator
) -> None:
    model = AutoModelForCausalLM.from_pretrained(variant.path)
    tokenizer = AutoTokenizer.from_pretrained(variant.path)
    expected = []
    for prompt in PROMPTS:
        asked = tokenizer(prompt, return_tensors="pt")
        ids = model.generate(
            input_ids=asked["input_ids"],
            attention_mask=asked["attention_mask"],
            max_new_tokens=7,
            do_sample=False,
            pad_token_id=1,
        )[0, asked["input_ids"].shape[1] :]
        expected.append(tokenizer.decode(ids, skip_special_tokens=True))
    # Together they are padded to the longest, which must not show.
    assert generator.generate(PROMPTS, [7] * len(PROMPTS)) == expected
    assert sum(text.startswith(end) for text, end in zip(expected, ENDS, strict=True)) > 6


def test_an_answer_ends_at_its_limit_or_at_the_end_token(generator: TorchGenerator) -> None:
    long, short = generator.generate_ids(PROMPTS[:2], [20, 1])
    assert len(short) == 1
    assert len(long) < 20, "the model was taught that a sentence ends"
    assert 1 not in long


@pytest.mark.parametrize("whole", [False, True])
def test_the_likelihood_is_that_of_the_logits(
    variant: Variant, generator: TorchGenerator, whole: bool
) -> None:
    told = generator.likelihood(PROMPTS, ENDS, whole=whole)
    model = AutoModelForCausalLM.from_pretrained(variant.path)
    tokenizer = AutoTokenizer.from_pretrained(variant.path)
    sums, right = [], []
    for prompt, end in zip(PROMPTS, ENDS, strict=True):
        ids = tokenizer(prompt + end, return_tensors="pt")["input_ids"]
        start = 1 if whole else len(tokenizer(prompt)["input_ids"])
        with torch.inference_mode():
            logs = model(input_ids=ids).logits[0, start - 1 : -1].log_softmax(dim=-1)
        true = ids[0, start:]
        sums.append(float(logs[torch.arange(len(true)), true].sum()))
        right += (logs.argmax(dim=-1) == true).tolist()
    assert told.row_sums() == pytest.approx(np.array(sums), rel=1e-4)
    assert told.right.tolist() == right
    assert told.tokens.sum() == len(told.logprobs) == len(right)
    assert (told.best >= told.logprobs).all()


def test_likelihood_goes_by_row_whatever_stands_beside_it(generator: TorchGenerator) -> None:
    together = generator.likelihood(PROMPTS, ENDS).row_sums()
    alone = [
        generator.likelihood([p], [e]).row_sums()[0] for p, e in zip(PROMPTS, ENDS, strict=True)
    ]
    assert together == pytest.approx(np.array(alone), rel=1e-4)


def test_a_long_prompt_loses_its_beginning(variant: Variant) -> None:
    encoder = CausalEncoder(variant.path, 16)
    [pair] = encoder.pairs([" ".join(PROMPTS)], [ENDS[0]])
    [whole] = encoder.ids([" ".join(PROMPTS) + ENDS[0]])
    assert pair.ids == whole[-16:]
    assert encoder.text(pair.ids[pair.start :]) == ENDS[0]
    [asked] = encoder.prompts([" ".join(PROMPTS)], 4)
    assert len(asked) == 12


def test_a_word_that_the_prompt_would_merge_with_is_encoded_by_itself(variant: Variant) -> None:
    encoder = CausalEncoder(variant.path, 64)
    [pair] = encoder.pairs(["the fo"], ["x hides"])
    assert pair.ids[: pair.start] == encoder.ids(["the fo"])[0]
    assert encoder.text(pair.ids) == "the fox hides"


def test_what_a_tokenizer_puts_behind_a_text_is_left_out(variant: Variant, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(variant.path, tmp_path / "closing"))
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    closing = {"SpecialToken": {"id": "</s>", "type_id": 0}}
    tokenizer["post_processor"]["single"].append(closing)
    tokenizer["post_processor"]["special_tokens"]["</s>"] = {
        "id": "</s>",
        "ids": [1],
        "tokens": ["</s>"],
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    texts = [*PROMPTS, ""]
    assert CausalEncoder(folder, 64).ids(texts) == CausalEncoder(variant.path, 64).ids(texts)


def test_bfloat16_writes_and_stays_near(variant: Variant, tmp_path: Path) -> None:
    halved = write_bf16(variant, tmp_path / "bf16")
    assert (halved.manifest.task, halved.manifest.precision) == ("text-generation", "bf16")
    told = load_generator(halved.path).likelihood(PROMPTS, ENDS, whole=True)
    full = load_generator(variant.path).likelihood(PROMPTS, ENDS, whole=True)
    assert told.logprobs.mean() == pytest.approx(full.logprobs.mean(), abs=0.05)


def test_a_classifier_writes_nothing(
    tiny_checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    classifier = adopt(tiny_checkpoint("bert"), tmp_path / "variant")
    assert load_predictor(classifier.path).predict(["a film"]).shape == (1, 2)
    with pytest.raises(InputError, match="is for text-classification under torch"):
        load_generator(classifier.path)


def test_a_classifier_of_a_causal_family_is_refused(tiny_llama: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_llama, tmp_path / "copy"))
    config = json.loads((folder / "config.json").read_text())
    config["architectures"] = ["LlamaForSequenceClassification"]
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="is a LlamaForSequenceClassification; of this family"):
        adopt(folder, tmp_path / "variant")


def test_pickled_weights_are_never_loaded_here_either(tiny_llama: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_llama, tmp_path / "copy"))
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(InputError, match="pickled weights are never loaded"):
        adopt(folder, tmp_path / "variant")
