"""Sockets to events and back; no decisions."""
