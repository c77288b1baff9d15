"""A run as a paper needs it: LaTeX tables, numbers quoted in text, captions, methods and references."""
