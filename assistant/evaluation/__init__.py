"""Quality, measured: each figure beside a trivial baseline."""
