"""The channel machine: everybody does anything, on contracts and specification at once."""
