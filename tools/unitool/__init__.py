"""unitool."""
