"""The reports that commands write into files, and read there."""
