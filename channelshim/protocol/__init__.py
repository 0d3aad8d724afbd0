"""Pure decisions: bytes, text and `now` in; events and bytes out. No I/O."""
