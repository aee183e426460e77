"""The commands of `tacit`, by what they work on."""
