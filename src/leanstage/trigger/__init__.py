"""The service that turns what MLflow registers into runs, exactly one for each version.

``catalog`` reads MLflow, ``planning`` decides (pure), ``reconcile`` carries out, ``backends`` start
runs, ``loop`` repeats; ``app`` takes webhooks, which only wake the loop.
"""
