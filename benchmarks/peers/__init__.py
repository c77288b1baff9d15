"""Peer packages, measured as their users would call them, each in an environment of its own."""
