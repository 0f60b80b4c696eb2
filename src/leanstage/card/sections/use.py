"""What the model is for, in which form it answers, and on what."""

from leanstage.card.subject import Subject
from leanstage.report import names
from leanstage.report.document import Cell, Facts, Section
from leanstage.report.figures import count, milliseconds, parameters, plain, shown, size

LABELS_SHOWN = 30


def use_section(subject: Subject) -> Section:
    """What the model answers, in which form, and on which hardware it is meant to."""
    manifest, hardware = subject.manifest, subject.inputs.hardware
    energy, arm = subject.energy, subject.arm
    own = names.find_arm(energy, arm) if energy and arm else None
    labels = ", ".join(manifest.labels[:LABELS_SHOWN])
    if len(manifest.labels) > LABELS_SHOWN:
        labels += f", and {len(manifest.labels) - LABELS_SHOWN} more"
    loads = {
        "torch": "`AutoModelFor…from_pretrained` of transformers, with this folder",
        "onnxruntime": "onnxruntime, onnx/model.onnx; the tokenizer is tokenizer.json",
        "openvino": "OpenVINO; the tokenizer is tokenizer.json",
    }[manifest.runtime]
    return Section(
        "use",
        "Intended use and hardware",
        f"It is meant for what {subject.context.source.name}, version "
        f"{subject.context.source.version}, is used for, in its place.",
        (
            Facts(
                "The model",
                (
                    ("Task", Cell(manifest.task)),
                    *([("Classes", Cell(labels))] if labels else []),
                    ("Architecture", Cell(manifest.architecture)),
                    ("Form", Cell(names.form(manifest.runtime, manifest.precision))),
                    ("Loaded by", Cell(loads.replace("`", ""))),
                    ("Input", Cell(f"{count(manifest.max_length)} tokens at most")),
                    ("Parameters", Cell(parameters(manifest.parameters))),
                    ("Size on disk", Cell(size(manifest.bytes))),
                ),
            ),
            Facts(
                "Hardware that it was chosen for",
                (
                    ("Profile", Cell(hardware.name or "the machine of the run")),
                    ("Processor", Cell(hardware.cpu, f"{count(hardware.threads)} threads")),
                    ("Instruction sets", Cell(plain(hardware.features) or "none recorded")),
                    ("Accelerators", Cell(plain(hardware.accelerators))),
                    (
                        "Latency there, one request at a time",
                        Cell(
                            f"{shown(own.latency_p50_ms if own else None, milliseconds)} median, "
                            f"{shown(own.latency_p95_ms if own else None, milliseconds)} at the "
                            "95th percentile"
                        ),
                    ),
                ),
            ),
        ),
    )
