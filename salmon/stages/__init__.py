"""The stages of the method; each reads and writes artifacts only."""
