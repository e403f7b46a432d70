"""One module a kind of report; each turns the jobs of a sweep into a ``Document``."""
