"""Late fusion: each modality's own network or learner finishes before anything is mixed."""
