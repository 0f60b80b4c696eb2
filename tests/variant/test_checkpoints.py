"""What may enter as a model, and what is refused before anything is written."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from leanstage.errors import InputError
from leanstage.plan.facts import parameter_count
from leanstage.variant import load_predictor, open_variant
from leanstage.variant.adopt import adopt
from leanstage.variant.checkpoint import load_checkpoint

Checkpoint = Callable[[str], Path]


@pytest.fixture
def copy(tiny_checkpoint: Checkpoint, tmp_path: Path) -> Path:
    """A checkpoint that a test may damage."""
    return Path(shutil.copytree(tiny_checkpoint("bert"), tmp_path / "copy"))


def refused(folder: Path, tmp_path: Path) -> str:
    target = tmp_path / "variant"
    with pytest.raises(InputError) as caught:
        adopt(folder, target)
    assert not target.exists()
    assert not list(tmp_path.glob(".variant*")), "a half-written variant was left"
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("family", ["bert", "distilbert", "roberta", "mpnet"])
def test_every_family_is_adopted_and_answers(
    family: str, tiny_checkpoint: Checkpoint, tmp_path: Path
) -> None:
    variant = adopt(tiny_checkpoint(family), tmp_path / "variant")
    assert variant.manifest.labels == ("negative", "positive")
    answers = load_predictor(variant.path).predict(["a wonderful moving film", "boring tedious"])
    assert answers.shape == (2, 2)
    assert answers[0].argmax() == 1
    assert answers[1].argmax() == 0


def test_the_same_folder_gives_the_same_digest(tiny_checkpoint: Checkpoint, tmp_path: Path) -> None:
    first = adopt(tiny_checkpoint("bert"), tmp_path / "first")
    assert adopt(first.path, tmp_path / "second").digest == first.digest


def test_loading_says_nothing_that_nobody_asked_for(tiny_checkpoint: Checkpoint) -> None:
    """Of libraries that are imported with it, in a process of its own: they say it once."""
    code = "import sys; from pathlib import Path; from leanstage.variant import checkpoint; "
    code += "checkpoint.load_checkpoint(Path(sys.argv[1]))"
    command = [sys.executable, "-c", code, str(tiny_checkpoint("bert"))]
    loaded = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert (loaded.stdout, loaded.stderr) == ("", "")


def test_missing_weights_are_not_invented(copy: Path, tmp_path: Path) -> None:
    weights = load_file(copy / "model.safetensors")
    del weights["classifier.weight"]
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    assert "initialised at random" in refused(copy, tmp_path)


def test_nan_weights_are_named(copy: Path, tmp_path: Path) -> None:
    weights = load_file(copy / "model.safetensors")
    weights["classifier.weight"][0, 0] = torch.nan
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    message = refused(copy, tmp_path)
    assert "NaN" in message
    assert "classifier.weight" in message


def test_an_unknown_architecture_lists_the_known_ones(copy: Path, tmp_path: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"model_type": "gpt2"}))
    message = refused(copy, tmp_path)
    assert "'gpt2'" in message
    assert "distilbert" in message


def test_pickled_weights_are_never_loaded(copy: Path, tmp_path: Path) -> None:
    torch.save(load_file(copy / "model.safetensors"), copy / "pytorch_model.bin")
    (copy / "model.safetensors").unlink()
    assert "pickled weights are never loaded" in refused(copy, tmp_path)


def test_weights_that_nothing_loads_are_left_behind(copy: Path, tmp_path: Path) -> None:
    whole = adopt(copy, tmp_path / "whole")
    shutil.copyfile(copy / "model.safetensors", copy / "model.fp16.safetensors")
    (copy / "model.safetensors.index.json").write_text('{"weight_map": {"a": "b.safetensors"}}')
    beside = adopt(copy, tmp_path / "beside")
    assert (beside.digest, beside.manifest.bytes) == (whole.digest, whole.manifest.bytes)
    assert parameter_count(copy) == parameter_count(whole.path)


def test_weights_in_several_files_travel_with_their_index(copy: Path, tmp_path: Path) -> None:
    whole = adopt(copy, tmp_path / "whole")
    load_checkpoint(copy).save_pretrained(tmp_path / "shards", max_shard_size="20KB")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(copy / name, tmp_path / "shards" / name)
    shards = adopt(tmp_path / "shards", tmp_path / "variant")
    assert len(list(shards.path.glob("*.safetensors"))) > 1
    assert parameter_count(shards.path) == parameter_count(whole.path)
    asked = ["a fine film", "a dull film"]
    given = [load_predictor(one.path).predict(asked) for one in (whole, shards)]
    assert (given[0] == given[1]).all()


@pytest.mark.parametrize(
    ("index", "sentence"),
    [
        ("{", "cannot be read as an index of weights"),
        ('{"weight_map": {}}', "names no file"),
        ('{"weight_map": {"a": "gone.safetensors"}}', "names 'gone.safetensors'"),
        ('{"weight_map": {"a": "../copy.safetensors"}}', "names '../copy.safetensors'"),
        ('{"weight_map": {"a": "pytorch_model.bin"}}', "names 'pytorch_model.bin'"),
        ('{"weight_map": {"a": 3}}', "names 3"),
    ],
)
def test_an_index_that_names_no_weights_of_the_folder(
    index: str, sentence: str, copy: Path, tmp_path: Path
) -> None:
    shutil.move(copy / "model.safetensors", tmp_path / "copy.safetensors")
    (copy / "model.safetensors.index.json").write_text(index)
    assert sentence in refused(copy, tmp_path)


def test_a_link_out_of_the_folder_is_not_followed(copy: Path, tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("not to be registered")
    (copy / "vocab.txt").unlink(missing_ok=True)
    (copy / "vocab.txt").symlink_to(secret)
    assert "vocab.txt is a link to a file elsewhere" in refused(copy, tmp_path)


def test_the_links_of_the_hubs_cache_are_followed(copy: Path, tmp_path: Path) -> None:
    blobs, snapshot = tmp_path / "cache" / "blobs", tmp_path / "cache" / "snapshots" / "a1"
    blobs.mkdir(parents=True)
    snapshot.mkdir(parents=True)
    for path in copy.iterdir():
        shutil.copyfile(path, blobs / f"sha-{path.name}")
        (snapshot / path.name).symlink_to(f"../../blobs/sha-{path.name}")
    adopted = adopt(snapshot, tmp_path / "variant")
    assert adopted.digest == adopt(copy, tmp_path / "plain").digest


def test_code_in_the_folder_is_never_run(copy: Path, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    (copy / "modeling.py").write_text(f"open({str(marker)!r}, 'w')\n")
    config = json.loads((copy / "config.json").read_text())
    config["auto_map"] = {"AutoModelForSequenceClassification": "modeling.Model"}
    (copy / "config.json").write_text(json.dumps(config))
    assert "auto_map" in refused(copy, tmp_path)
    assert not marker.exists()


def test_damaged_weights(copy: Path, tmp_path: Path) -> None:
    (copy / "model.safetensors").write_bytes(b"not safetensors")
    assert "does not load" in refused(copy, tmp_path)


def test_weights_of_another_shape(copy: Path, tmp_path: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"intermediate_size": 128}))
    refused(copy, tmp_path)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"problem_type": "multi_label_classification"}, "answer one class a row"),
        ({"problem_type": "regression"}, "answer one class a row"),
        ({"num_hidden_layers": -1}, "its config.json leaves no layer"),
        ({"num_attention_heads": 0}, "not sound (ZeroDivisionError"),
        ({"id2label": {"1": "one", "2": "two"}}, "has to name the classes 0 to 1"),
        ({"id2label": {"0": "same", "1": "same"}}, "each by a name of its own"),
    ],
)
def test_a_config_that_says_what_cannot_be_measured_or_made(
    changed: dict[str, object], sentence: str, copy: Path, tmp_path: Path
) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | changed))
    assert sentence in refused(copy, tmp_path)


def test_a_tokenizer_with_more_tokens_than_the_model(copy: Path, tmp_path: Path) -> None:
    tokenizer = json.loads((copy / "tokenizer.json").read_text())
    tokenizer["model"]["vocab"] |= {f"extra{n}": 1000 + n for n in range(5)}
    (copy / "tokenizer.json").write_text(json.dumps(tokenizer))
    assert "belongs to another model" in refused(copy, tmp_path)


def test_a_tokenizer_with_far_fewer_tokens(copy: Path, tmp_path: Path) -> None:
    tokenizer = json.loads((copy / "tokenizer.json").read_text())
    vocabulary = tokenizer["model"]["vocab"]
    tokenizer["model"]["vocab"] = {word: n for word, n in vocabulary.items() if n < 20}
    (copy / "tokenizer.json").write_text(json.dumps(tokenizer))
    assert "belongs to another model" in refused(copy, tmp_path)


def test_a_tokenizer_that_pads_otherwise(copy: Path, tmp_path: Path) -> None:
    config = json.loads((copy / "tokenizer_config.json").read_text())
    (copy / "tokenizer_config.json").write_text(json.dumps(config | {"pad_token": "[SEP]"}))
    assert "pads with" in refused(copy, tmp_path)


def test_one_changed_byte_is_seen(tiny_checkpoint: Checkpoint, tmp_path: Path) -> None:
    variant = adopt(tiny_checkpoint("bert"), tmp_path / "variant")
    path = variant.path / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="changed after it was written"):
        open_variant(variant.path)


def test_an_added_file_is_seen(tiny_checkpoint: Checkpoint, tmp_path: Path) -> None:
    variant = adopt(tiny_checkpoint("bert"), tmp_path / "variant")
    (variant.path / "extra.txt").write_text("x")
    with pytest.raises(InputError, match="changed after it was written"):
        open_variant(variant.path)


def test_a_link_is_refused(tiny_checkpoint: Checkpoint, tmp_path: Path) -> None:
    variant = adopt(tiny_checkpoint("bert"), tmp_path / "variant")
    (variant.path / "link").symlink_to(variant.path / "config.json")
    with pytest.raises(InputError, match="symbolic link"):
        open_variant(variant.path)
