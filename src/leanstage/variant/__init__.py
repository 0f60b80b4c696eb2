"""A model on disk: its manifest, its digest, how it is loaded and how it answers."""

from leanstage.variant.digest import ATTESTATION, MANIFEST, content_digest, file_sha256
from leanstage.variant.folder import (
    Variant,
    fresh_folder,
    open_variant,
    pass_through,
    seal,
    with_lineage,
)
from leanstage.variant.predictor import Predictor, load_predictor, predict_all

__all__ = [
    "ATTESTATION",
    "MANIFEST",
    "Predictor",
    "Variant",
    "content_digest",
    "file_sha256",
    "fresh_folder",
    "load_predictor",
    "open_variant",
    "pass_through",
    "predict_all",
    "seal",
    "with_lineage",
]
