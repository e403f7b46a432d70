"""A job: its stages in order, each artifact made once, and what the terminal says."""
