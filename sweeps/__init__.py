"""Named multirun studies, and what collects them into tables and plots (none yet)."""
