"""Under which conditions energy and latency were measured."""

from leanstage.card.subject import Subject
from leanstage.report import names
from leanstage.report.document import Cell, Column, Facts, Section, Table
from leanstage.report.figures import count, plain, ratio, seconds, size, span


def conditions_section(subject: Subject) -> Section | None:
    """Meter, machine, workload, versions and the checks; None where nothing was measured."""
    energy = subject.energy
    if energy is None:
        return None
    meter, work, node = energy.meter, energy.workload, energy.node
    control = energy.control
    return Section(
        "conditions",
        "Conditions of measurement",
        "Models answer the same rows in turn on one machine, in randomised blocks, each in a "
        "process of its own that waits without computing while another answers.",
        (
            Facts(
                "Measured with",
                (
                    ("Meter", Cell(meter.name, meter.detail)),
                    ("Tier", Cell(meter.tier, names.TIER[meter.tier])),
                    ("Boundary", Cell(meter.boundary)),
                    ("Better meters", Cell("; ".join(meter.rejected) or "none was missing")),
                    (
                        "Workload",
                        Cell(
                            f"{count(work.rows)} rows, batches of {work.batch_size}",
                            f"SHA-256 {work.dataset_sha256}",
                        ),
                    ),
                    ("Through", Cell(work.endpoint or "the model's runtime, in process")),
                    (
                        "Measured for",
                        Cell(
                            f"{count(energy.registered.blocks)} blocks, "
                            f"{count(len(energy.windows))} windows, {seconds(energy.seconds)}"
                        ),
                    ),
                    (
                        "Control",
                        Cell(
                            f"a model against itself: {ratio(control.ratio)}, 95% interval "
                            f"{span(*control.ci95)}"
                        ),
                    ),
                ),
            ),
            Facts(
                "Measured on",
                (
                    ("Processor", Cell(node.cpu, f"{count(node.threads)} threads")),
                    ("Memory", Cell(size(node.memory_bytes))),
                    ("Instruction sets", Cell(plain(node.features))),
                    ("Accelerators", Cell(plain(node.accelerators))),
                    *((name, Cell(value)) for name, value in energy.environment.items()),
                ),
            ),
            Table(
                "Checks on the measurement",
                (Column("Check"), Column("Outcome"), Column("Detail", "prose")),
                tuple(
                    (
                        Cell(check.name),
                        Cell("passed" if check.passed else "failed"),
                        Cell(check.detail),
                    )
                    for check in energy.checks
                ),
            ),
        ),
    )
