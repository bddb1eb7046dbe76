"""The formula of the gradients: of one step, and of what several steps pass on."""
