"""Measurements behind an answer, as sentences."""

from leanstage.contracts import Answer, Gain


def evidence(answer: Answer) -> list[str]:
    """One sentence for every measurement behind an answer, and for what it leaves out and why."""
    lines = [gain_in_words(gain) for gain in answer.gains]
    failed = {gain.form for gain in answer.gains if gain.ratio is None}
    for why, forms in {
        "it gains nothing": [form for form in answer.left_out if form not in failed],
        "it could not be measured": [form for form in answer.left_out if form in failed],
    }.items():
        if forms:
            lines.append(f"Left out, as {why} here: {', '.join(forms)}.")
    return lines


def gain_in_words(gain: Gain) -> str:
    """What was measured, where and against what."""
    where = f"at {gain.shape}, batches of {gain.batch_size}"
    if gain.ratio is None:
        reason = str(gain.error).rstrip(".")
        return f"{gain.form} could not be measured {where}: {reason}."
    interval = "" if gain.ci95 is None else f" (95% CI {gain.ci95[0]:.2f} to {gain.ci95[1]:.2f})"
    return (
        f"{gain.form} costs {gain.ratio:.2f}{interval} of float32 under PyTorch, measured {where}."
    )
