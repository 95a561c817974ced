"""Remembers sessions in SQL."""
