"""`make bench`: run every benchmark and write its results."""

from bench import channels, keepers, memory, page, signers, updates

if __name__ == "__main__":
    channels.main()
    signers.main()
    keepers.main()
    updates.main()
    memory.main()
    page.main()
