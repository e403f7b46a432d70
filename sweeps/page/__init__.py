"""The page of a study: its cells over their seeds, as one HTML file that opens without a network."""
