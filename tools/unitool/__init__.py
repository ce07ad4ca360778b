"""unitool: the whole loop for connected firmware, from source to a fleet in the field."""
