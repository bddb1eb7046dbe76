"""What is asked of modules: sessions of calls, and what is done in them."""
