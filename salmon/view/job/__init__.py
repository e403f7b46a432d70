"""The page of a job, and of a single artifact: what was made, how well, at what cost, and how to repeat it."""
