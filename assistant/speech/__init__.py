"""Hears and speaks."""
