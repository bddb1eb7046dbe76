"""Known faults of modules: what is kept from call to call, shared, saved, left out or trained wrongly."""
