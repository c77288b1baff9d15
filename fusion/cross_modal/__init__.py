"""Cross-modal fusion: modalities exchange data before or during the main learning stage."""
