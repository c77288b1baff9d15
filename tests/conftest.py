"""One thread a process: small tensors gain nothing from more, and equal bits are promised under one."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
