"""What `channelshim deploy` writes: the files of a server for one app."""
