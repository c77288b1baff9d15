"""The ground floor: errors, names, registries, seeds and fingerprints. Knows nothing of fusion or data."""
