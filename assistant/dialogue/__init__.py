"""What is said: the one path of a turn. No models, no I/O."""
