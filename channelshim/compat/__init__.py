"""Everything that changes other people's modules, in one table and one installer."""

from channelshim.compat.installer import install, installed

__all__ = ["install", "installed"]
