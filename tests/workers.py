"""How the tests share the processor where they run on several workers (`make test`)."""

import os

# Threads of torch that spin while they wait would take the processor from the other worker.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
