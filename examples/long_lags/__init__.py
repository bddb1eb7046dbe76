"""What examples/long_memory.py is made of: the tasks, the nets, how they learn, and the page of what came of it."""
