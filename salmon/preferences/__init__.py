"""Stage ``preferences``: sampled pairs, judged principle by principle, become preference rows."""
