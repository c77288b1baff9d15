"""One thread a process: small tensors gain nothing from more, and equal bits are promised under one."""

import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

# tests work in folders of their own: a relative mirror would not be found there
mirror = os.environ.get("FUSEBENCH_DATA", "")
if mirror and "://" not in mirror:
    os.environ["FUSEBENCH_DATA"] = str(Path(mirror).resolve())
