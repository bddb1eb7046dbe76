"""Where examples come from: recipes for problems of every form, with losses, cuts and seeds."""
