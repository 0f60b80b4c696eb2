"""Models that write behind an endpoint that speaks OpenAI's protocol, as they are served.

- ``leanstage.serving.server``: starts a server on a variant, and always stops it.
- ``leanstage.serving.endpoint``: asks an endpoint, as evaluation and measurement ask a model.
"""
