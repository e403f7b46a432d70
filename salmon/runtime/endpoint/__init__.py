"""A model behind an OpenAI-compatible server: asked with patience, every reply kept on disk and counted."""
