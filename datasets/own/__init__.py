"""Your own data: arrays in memory (`from_arrays`), or files named by a data card in TOML (`open_card`)."""

from .card_data import CardData, open_card
from .memory import OwnData, from_arrays

__all__ = ["CardData", "OwnData", "from_arrays", "open_card"]
