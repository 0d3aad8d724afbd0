"""Sockets and polls to events and back; no decisions."""
