"""leanstage: the deployment stage that ships the lean model by default."""

from importlib.metadata import version

__version__ = version("leanstage")
