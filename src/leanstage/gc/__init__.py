"""Garbage collection: bytes that no decision, rollback or reader needs any more.

What it does not understand stays. A champion, the champions before it that a rollback may need, a
justified baseline, and every piece of evidence are never among what goes.
"""

from leanstage.gc.collect import Kept, Plan, Rules, collect, survey
from leanstage.gc.items import Item

__all__ = ["Item", "Kept", "Plan", "Rules", "collect", "survey"]
