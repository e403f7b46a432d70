"""What the page of a job shows of its evaluations: benchmarks, and which principles a preference follows."""
