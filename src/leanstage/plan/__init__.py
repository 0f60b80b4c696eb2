"""The decision tree: which techniques to try on this model, this data and this hardware."""

from leanstage.plan.facts import Load
from leanstage.plan.make import make_plan
from leanstage.plan.tree import load_tree
from leanstage.plan.walk import Walk, walk
from leanstage.plan.words import evidence

__all__ = ["Load", "Walk", "evidence", "load_tree", "make_plan", "walk"]
