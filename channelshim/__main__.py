"""python -m channelshim."""

from channelshim.cli.main import main

if __name__ == "__main__":
    main()
