"""What keeps a long run alive and visible: store, tracking, progress, health, seeds."""
