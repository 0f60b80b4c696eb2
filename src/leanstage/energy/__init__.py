"""Energy per answer, measured: what the gate's saving rests on.

- ``leanstage.energy.pair``: ``compare_models``, two models on disk and the verdict on a saving.
- ``leanstage.energy.protocol``: ``compare``, the interleaved comparison of model forms.
- ``leanstage.energy.meters``: ``discover`` and the meters.
- ``leanstage.energy.ratios``: the interval on a ratio, and ``saving_verdict``.
- ``leanstage.energy.cpu``: ``cpu_identity``.

Nothing is re-exported here: the resident workers import this package, and what a worker imports
is memory and start-up time counted against the model it carries.
"""
