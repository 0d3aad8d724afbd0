"""The live connections of this process: attach, detach, deliver, presence timers."""
