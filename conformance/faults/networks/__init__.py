"""Known mistakes of lengths, directions, layers and variants."""
