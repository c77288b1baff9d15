"""fusebench: which way of fusing modalities should I use? Importing it loads no heavy library."""

__version__ = "0.1.0"
