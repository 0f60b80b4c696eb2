"""What is known about a checkpoint that a run brings to distill into."""

from leanstage.contracts.base import Contract, Sha256


class PretrainedStudent(Contract):
    """``student.json`` beside the checkpoint's files.

    ``digest`` is the SHA-256 of the canonical JSON of ``[path, size, sha256]`` for every other file
    of the folder, sorted by path.
    """

    source: str
    """As it was named, pinned to a version or commit where its URI can be."""
    architecture: str
    digest: Sha256
