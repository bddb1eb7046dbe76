"""From a name on the command line to something that can be asked."""
