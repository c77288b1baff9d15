"""Early fusion: the modalities are one input before any part is trained on the label."""
