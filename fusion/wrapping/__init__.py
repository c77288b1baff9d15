"""Training wrappers, a file per family: what changes is how a network is trained, not what it is."""
