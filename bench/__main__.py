"""`make bench`: run every benchmark and write its results."""

from bench import channels, memory, page, signers, updates

if __name__ == "__main__":
    channels.main()
    signers.main()
    updates.main()
    memory.main()
    page.main()
