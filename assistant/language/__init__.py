"""Thinks: language models that continue a conversation."""
