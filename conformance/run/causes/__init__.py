"""What else the likely cause of a failure explains, and which known faults explain that failure."""
