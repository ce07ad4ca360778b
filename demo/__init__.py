"""The whole loop on emulated boards: what is shown, measured and tested end to end."""
