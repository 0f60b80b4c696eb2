"""Running a pipeline without a cluster: the same DAG, under kfp.local, in a process of its own."""
