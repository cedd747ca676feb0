"""`make bench`: run every benchmark and write its results."""

from bench import channels, keepers, signers

if __name__ == "__main__":
    channels.main()
    signers.main()
    keepers.main()
