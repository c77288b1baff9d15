"""The page: one file that needs no server and no network, and stands as plain tables where scripts are blocked."""

from .document import write
from .policy import with_live

__all__ = ["with_live", "write"]
