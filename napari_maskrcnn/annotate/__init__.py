"""Corrections of label images as pure functions, and how many were made."""
