"""A server that ends with the process that started it: ``... child MODULE:FUNCTION ARGUMENTS``."""

import importlib
import sys

from leanstage.orphans import die_with_parent
from leanstage.variant.threads import limit_imports


def main() -> None:
    """Run the command behind an entry point, which reads its arguments from ``sys.argv``."""
    die_with_parent()
    limit_imports()
    module, _, function = sys.argv[1].partition(":")
    sys.argv = [module, *sys.argv[2:]]
    getattr(importlib.import_module(module), function)()


if __name__ == "__main__":
    main()
