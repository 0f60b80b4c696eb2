"""Models behind what serves them, asked as evaluation and measurement ask one in this process.

- ``choice``: what the environment says of where models answer.
- ``endpoint``: a model as it is to be asked; ``weights``: whether that is the model it should be.
- ``completions`` and ``inference``: the protocols of OpenAI and of KServe; ``http`` and ``scores``
  are what the latter rests on.
- ``server``: starts a server on a variant, and always stops it; ``processes``: what it spends.
"""
