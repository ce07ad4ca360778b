"""unitool: the whole loop for connected firmware, from source to a fleet in the field."""

__version__ = "0.1.0"
