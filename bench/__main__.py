"""`make bench`: run every benchmark and write its results."""

from bench import channels

if __name__ == "__main__":
    channels.main()
