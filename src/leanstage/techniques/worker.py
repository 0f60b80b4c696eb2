"""One of several processes that train together, by torchrun: ``... worker EXCHANGE FOLDER``.

``EXCHANGE`` holds the student, the rows and the recipe; the first process leaves the trained
student there. ``FOLDER`` holds checkpoints.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from leanstage.orphans import die_with_parent


def main(exchange: Path, folder: Path) -> None:
    """Train together with the other processes."""
    from leanstage.techniques.arrays import read_arrays
    from leanstage.techniques.recipe import Recipe
    from leanstage.techniques.taught import taught_of
    from leanstage.techniques.training import fit
    from leanstage.variant.checkpoint import load_checkpoint

    die_with_parent()
    recipe = Recipe.model_validate_json((exchange / "recipe.json").read_text(encoding="utf-8"))
    rows = taught_of(read_arrays(exchange / "rows"))
    student: Any = load_checkpoint(exchange / "student", attention="eager").float()
    curve = fit(student, rows, recipe, folder, count=int(os.environ["WORLD_SIZE"]))
    if int(os.environ["RANK"]) == 0:
        (exchange / "curve.json").write_text(json.dumps(curve), encoding="utf-8")
        student.save_pretrained(exchange / "trained")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
