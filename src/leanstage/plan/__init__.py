"""The decision tree: which techniques to try on this model, this data and this hardware."""

from leanstage.plan.make import make_plan
from leanstage.plan.tree import Tree, load_tree, walk

__all__ = ["Tree", "load_tree", "make_plan", "walk"]
