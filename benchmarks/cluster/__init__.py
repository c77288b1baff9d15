"""Cells on a Ray cluster: the same jobs and words as with local workers, on as many machines as there are."""
