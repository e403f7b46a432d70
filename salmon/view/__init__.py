"""Pages: one self-contained HTML file for a job, a study or an artifact, made from what lies on disk."""
