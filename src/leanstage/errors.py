"""Errors that a person reads: one sentence that says what, where and what to do."""


class LeanstageError(Exception):
    """Something failed; the message is the one sentence a user should see."""

    kind = "failure"
    exit_code = 1


class InputError(LeanstageError):
    """What the user handed in cannot be used; nothing was written."""

    kind = "input"
    exit_code = 2


class BlockedError(LeanstageError):
    """The decision is BLOCKED: the decision and its report exist, nothing was promoted."""

    kind = "blocked"
    exit_code = 3
