"""Training adapters: optimiser, its state on one or many processes, and the supervised loop."""
