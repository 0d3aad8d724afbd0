"""python -m channelshim."""

from channelshim.cli import main

if __name__ == "__main__":
    main()
